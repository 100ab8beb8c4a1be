//! Two guessers that are as unlike as they are simple: naive Bayes adds up what each word says, a forest of trees asks for
//! several at a time. Whoever wants to learn from a leak would begin with these. Start at [`Guesser::learn`].

use std::collections::BTreeMap;

use crate::random::{Stream, Streams};

/// The words of a run, and what is to be guessed of it.
pub(super) type Example = (Vec<u32>, usize);

/// How to guess.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum How {
    Bayes,
    Forest,
}

/// What was learned.
pub(super) struct Guesser {
    /// Words that are looked at, those that say most first.
    pub(super) chosen: Vec<u32>,
    learned: Learned,
}

enum Learned {
    /// Logarithm of the share of each class, and of a word's being there and not being there in it.
    Bayes(Vec<(f64, Vec<[f64; 2]>)>),
    Forest(Vec<Tree>),
}

enum Tree {
    Leaf(Vec<f64>),
    /// Which word, and what follows from its absence and its presence.
    Split(usize, Box<[Tree; 2]>),
}

/// A sample as one flag for each chosen word, and its class.
type Row = (Vec<bool>, usize);

const TREES: usize = 60;
/// Words that a tree tries at each of its branches.
const TRIED: u64 = 40;
const DEEPEST: u32 = 14;

impl Guesser {
    pub(super) fn learn(how: How, examples: &[Example], classes: usize) -> Self {
        // Who adds up must not add up more than there is to learn from.
        let most = if how == How::Bayes { (examples.len() / 4).clamp(10, 100) } else { 400 };
        let chosen = telling(examples, classes, most);
        let rows: Vec<Row> = examples.iter().map(|(words, class)| (flags(words, &chosen), *class)).collect();
        let learned = match how {
            How::Bayes => Learned::Bayes(bayes(&rows, classes, chosen.len())),
            How::Forest => {
                let mut stream = Streams::new(1).stream("guesser", "forest");
                let grown = (0..TREES).map(|_| {
                    let drawn: Vec<&Row> =
                        (0..rows.len()).map(|_| &rows[stream.below(rows.len() as u64) as usize]).collect();
                    grow(&drawn, classes, DEEPEST, &mut stream)
                });
                Learned::Forest(grown.collect())
            }
        };
        Self { chosen, learned }
    }

    pub(super) fn guess(&self, words: &[u32]) -> usize {
        let flags = flags(words, &self.chosen);
        let votes: Vec<f64> = match &self.learned {
            Learned::Bayes(classes) => classes
                .iter()
                .map(|(share, words)| {
                    share + words.iter().zip(&flags).map(|(log, is_there)| log[usize::from(*is_there)]).sum::<f64>()
                })
                .collect(),
            Learned::Forest(trees) => {
                let mut votes = vec![];
                for tree in trees {
                    let shares = tree.of(&flags);
                    votes.resize(shares.len(), 0.0);
                    votes.iter_mut().zip(shares).for_each(|(vote, share)| *vote += share);
                }
                votes
            }
        };
        (0..votes.len()).max_by(|one, other| votes[*one].total_cmp(&votes[*other])).unwrap_or(0)
    }
}

fn flags(words: &[u32], chosen: &[u32]) -> Vec<bool> {
    chosen.iter().map(|word| words.binary_search(word).is_ok()).collect()
}

/// The words that tell most of the class: those with the greatest mutual information.
fn telling(examples: &[Example], classes: usize, most: usize) -> Vec<u32> {
    let mut counts: BTreeMap<u32, Vec<u32>> = BTreeMap::new();
    let mut of_class = vec![0_u32; classes];
    for (words, class) in examples {
        of_class[*class] += 1;
        words.iter().for_each(|word| counts.entry(*word).or_insert_with(|| vec![0; classes])[*class] += 1);
    }
    let all = examples.len() as f64;
    let term = |both: f64, one: f64, other: f64| {
        if both > 0.0 { both / all * libm::log(both * all / (one * other)) } else { 0.0 }
    };
    let mut ranked: Vec<(f64, u32)> = counts
        .into_iter()
        .filter_map(|(word, counts)| {
            let there = f64::from(counts.iter().sum::<u32>());
            // What one run says alone, or each of them, teaches nothing.
            let teaches = there > 1.0 && there < all;
            let told = counts.iter().zip(&of_class).map(|(count, of)| {
                let (count, of) = (f64::from(*count), f64::from(*of));
                term(count, there, of) + term(of - count, all - there, of)
            });
            teaches.then(|| (told.sum(), word))
        })
        .collect();
    ranked.sort_by(|one, other| other.0.total_cmp(&one.0).then(one.1.cmp(&other.1)));
    ranked.into_iter().take(most).map(|(_, word)| word).collect()
}

fn bayes(rows: &[Row], classes: usize, words: usize) -> Vec<(f64, Vec<[f64; 2]>)> {
    let of = |class: usize| {
        let own: Vec<&Row> = rows.iter().filter(|(_, known)| *known == class).collect();
        let all = own.len() as f64;
        let log = |word: usize| {
            let there = own.iter().filter(|(flags, _)| flags[word]).count() as f64;
            [libm::log((all - there + 1.0) / (all + 2.0)), libm::log((there + 1.0) / (all + 2.0))]
        };
        (libm::log((all + 1.0) / (rows.len() + classes) as f64), (0..words).map(log).collect())
    };
    (0..classes).map(of).collect()
}

fn grow(rows: &[&Row], classes: usize, deepest: u32, stream: &mut Stream) -> Tree {
    let counted = |rows: &mut dyn Iterator<Item = &&Row>| {
        let mut counts = vec![0.0; classes];
        rows.for_each(|(_, class)| counts[*class] += 1.0);
        counts
    };
    let words = rows.first().map_or(0, |(flags, _)| flags.len() as u64);
    let whole = counted(&mut rows.iter());
    let is_pure = whole.iter().filter(|count| **count > 0.0).count() < 2;
    let mut best: Option<(f64, usize)> = None;
    for _ in 0..if is_pure || deepest == 0 || words == 0 { 0 } else { TRIED } {
        let word = stream.below(words) as usize;
        let sides = [false, true].map(|side| counted(&mut rows.iter().filter(|(flags, _)| flags[word] == side)));
        let sizes = sides.each_ref().map(|side| side.iter().sum::<f64>());
        if sizes.contains(&0.0) {
            continue;
        }
        let squares = sides.iter().zip(sizes).map(|(side, size)| side.iter().map(|n| n * n).sum::<f64>() / size);
        let purity = squares.sum();
        if best.is_none_or(|(known, _)| purity > known) {
            best = Some((purity, word));
        }
    }
    let Some((_, word)) = best else {
        let all = whole.iter().sum::<f64>().max(1.0);
        return Tree::Leaf(whole.into_iter().map(|count| count / all).collect());
    };
    let (with, without): (Vec<&Row>, Vec<&Row>) = rows.iter().partition(|(flags, _)| flags[word]);
    let sides = [without, with].map(|side| grow(&side, classes, deepest - 1, stream));
    Tree::Split(word, Box::new(sides))
}

impl Tree {
    fn of(&self, flags: &[bool]) -> &[f64] {
        match self {
            Self::Leaf(shares) => shares,
            Self::Split(word, sides) => sides[usize::from(flags[*word])].of(flags),
        }
    }
}
