//! Statistics that do not mind missing readings (NaN) or outliers. Sums run in eight lanes, because limits on the use of
//! the processor make a plain loop several times slower inside the sandbox. Start at [`compare`], which says whether a
//! series has left its own past, by how much and since when; the rest is what it is made of.

mod change;
mod order;
mod sums;
mod trend;

pub use change::{Comparison, Direction, Past, Rules, compare, departure, past};
pub use order::{finite, mad, median, quantile, spread};
pub use sums::{count, max, mean, min, sd, sum};
pub use trend::{Line, ewma, least_squares, rolling_mean, theil_sen};
