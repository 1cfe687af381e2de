//! In place of compression where the feature is off: there is none, so that nothing has to be done.

use super::incoming::InflateError;

#[derive(Debug)]
pub(super) enum Inflater {}

#[derive(Debug)]
pub(super) enum Deflater {}

impl Inflater {
    pub(super) fn is_full(&self) -> bool {
        match *self {}
    }

    pub(super) fn inflate(&mut self, _from: &[u8], _to: &mut [u8]) -> Result<(usize, usize), InflateError> {
        match *self {}
    }

    pub(super) fn finish(&mut self, _to: &mut [u8]) -> Result<Option<usize>, InflateError> {
        match *self {}
    }
}

impl Deflater {
    pub(super) fn deflate<'a>(
        &mut self,
        _pieces: impl Iterator<Item = &'a [u8]>,
        _len: usize,
    ) -> Option<&[u8]> {
        match *self {}
    }
}
