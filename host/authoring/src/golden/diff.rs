//! What is different between two texts, line by line, with the lines around it.

/// Lines shown before and after a change.
const AROUND: usize = 2;
/// Texts of more lines are compared from both ends only, because all pairs of lines would take too long.
const MOST: usize = 4000;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Edit {
    Same,
    Gone,
    Come,
}

/// `-` before lines that are gone, `+` before lines that have come.
pub(super) fn between(before: &str, after: &str) -> String {
    let (before, after): (Vec<&str>, Vec<&str>) = (before.lines().collect(), after.lines().collect());
    let edits = edits(&before, &after);
    let is_near = |place: usize| {
        let around = &edits[place.saturating_sub(AROUND)..(place + AROUND + 1).min(edits.len())];
        around.iter().any(|(edit, _)| *edit != Edit::Same)
    };
    let mut text = String::new();
    let mut is_cut = false;
    for (place, (edit, line)) in edits.iter().enumerate() {
        if !is_near(place) {
            is_cut = true;
            continue;
        }
        if is_cut && !text.is_empty() {
            text += "  ...\n";
        }
        is_cut = false;
        let mark = match edit {
            Edit::Same => ' ',
            Edit::Gone => '-',
            Edit::Come => '+',
        };
        text += &format!("{mark} {line}\n");
    }
    text
}

/// The longest common run of lines stays, all else is gone or has come.
fn edits<'t>(before: &[&'t str], after: &[&'t str]) -> Vec<(Edit, &'t str)> {
    let same_start = before.iter().zip(after).take_while(|(a, b)| a == b).count();
    let (rest_before, rest_after) = (&before[same_start..], &after[same_start..]);
    let same_end = rest_before.iter().rev().zip(rest_after.iter().rev()).take_while(|(a, b)| a == b).count();
    let (a, b) = (&rest_before[..rest_before.len() - same_end], &rest_after[..rest_after.len() - same_end]);
    let mut edits: Vec<_> = before[..same_start].iter().map(|line| (Edit::Same, *line)).collect();
    edits.extend(middle(a, b));
    edits.extend(before[before.len() - same_end..].iter().map(|line| (Edit::Same, *line)));
    edits
}

fn middle<'t>(a: &[&'t str], b: &[&'t str]) -> Vec<(Edit, &'t str)> {
    let gone = |line: &&'t str| (Edit::Gone, *line);
    let come = |line: &&'t str| (Edit::Come, *line);
    if a.len() > MOST || b.len() > MOST {
        return a.iter().map(gone).chain(b.iter().map(come)).collect();
    }
    // `common[i][j]`: lines that `a[i..]` and `b[j..]` have in common, in order.
    let mut common = vec![vec![0_u32; b.len() + 1]; a.len() + 1];
    for i in (0..a.len()).rev() {
        for j in (0..b.len()).rev() {
            common[i][j] = if a[i] == b[j] { common[i + 1][j + 1] + 1 } else { common[i + 1][j].max(common[i][j + 1]) };
        }
    }
    let (mut i, mut j, mut edits) = (0, 0, vec![]);
    while i < a.len() && j < b.len() {
        if a[i] == b[j] {
            edits.push((Edit::Same, a[i]));
            (i, j) = (i + 1, j + 1);
        } else if common[i + 1][j] >= common[i][j + 1] {
            edits.push((Edit::Gone, a[i]));
            i += 1;
        } else {
            edits.push((Edit::Come, b[j]));
            j += 1;
        }
    }
    edits.extend(a[i..].iter().map(gone).chain(b[j..].iter().map(come)));
    edits
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_changed_is_shown_with_its_neighbours_and_nothing_else() {
        let before = "a\nb\nc\nd\ne\nf\ng\nh\n";
        insta::assert_snapshot!(between(before, "a\nb\nc\nD\ne\nf\ng\nh\nnew\n"), @r"
          b
          c
        - d
        + D
          e
          f
          g
          h
        + new
        ");
        assert_eq!(between("a\n", "a\n"), "");
        assert_eq!(between("", "a\n"), "+ a\n");
    }

    #[test]
    fn far_changes_are_told_apart() {
        let before: String = (0..20).map(|n| format!("{n}\n")).collect();
        let after = before.replace("\n3\n", "\nthree\n").replace("\n16\n", "\nsixteen\n");
        let shown = between(&before, &after);
        assert_eq!(shown.matches("  ...\n").count(), 1, "{shown}");
        assert!(shown.contains("- 3\n+ three\n") && shown.contains("- 16\n+ sixteen\n"), "{shown}");
    }
}
