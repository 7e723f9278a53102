//! The demo's choices: the same for the same seed on any machine.
use super::generate::Generator;
use rand::Rng;

impl Generator<'_> {
    pub fn below(&mut self, n: i64) -> i64 {
        self.rng.random_range(0..n.max(1))
    }

    pub fn index(&mut self, n: usize) -> usize {
        self.below(n as i64) as usize
    }

    pub fn key(&mut self) -> String {
        format!("{:032x}", self.rng.random::<u128>())
    }

    /// So many times of a hundred.
    pub fn chance(&mut self, percent: i64) -> bool {
        self.below(100) < percent
    }

    /// A place in a list of weights, each as likely as it weighs.
    pub fn weighted(&mut self, weights: &[i64]) -> usize {
        let mut at = self.below(weights.iter().sum());
        weights.iter().position(|w| (at < *w, at -= w).0).unwrap_or_default()
    }
}
