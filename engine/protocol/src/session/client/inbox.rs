//! Received events that nobody has asked for yet.

use std::collections::VecDeque;

use bytes::{Buf, Bytes};

use super::Received;
use crate::session::batch::{self, BatchError, LENGTH_BYTES};

/// The rest of one `events` message.
#[derive(Debug)]
struct Chunk {
    /// Sequence number of the next event.
    seq: u64,
    left: u64,
    packed: bool,
    redelivered: bool,
    bytes: Bytes,
}

#[derive(Debug, Default)]
pub(super) struct Inbox {
    chunks: VecDeque<Chunk>,
    /// Last event that came.
    last: u64,
}

impl Inbox {
    /// Last event that came.
    pub(super) fn last(&self) -> u64 {
        self.last
    }

    pub(super) fn is_empty(&self) -> bool {
        self.chunks.is_empty()
    }

    pub(super) fn clear(&mut self) {
        self.chunks.clear();
    }

    /// Adds what follows [`Inbox::last`]; what came before is dropped. The caller has seen that there is no gap.
    pub(super) fn push(
        &mut self,
        seq: u64,
        count: Option<u64>,
        redelivered: bool,
        payload: Bytes,
    ) -> Result<(), BatchError> {
        let events = count.unwrap_or(1);
        if let Some(count) = count {
            batch::unpack(&payload, count)?;
        }
        let old = (self.last + 1).saturating_sub(seq);
        if old >= events {
            return Ok(());
        }
        let mut chunk = Chunk { seq, left: events, packed: count.is_some(), redelivered, bytes: payload };
        for _ in 0..old {
            chunk.take();
        }
        self.last = seq + (events - 1);
        self.chunks.push_back(chunk);
        Ok(())
    }

    /// Takes the next event out.
    pub(super) fn pop(&mut self) -> Option<Received> {
        let chunk = self.chunks.front_mut()?;
        let event = chunk.take();
        if chunk.left == 0 {
            self.chunks.pop_front();
        }
        Some(event)
    }
}

impl Chunk {
    fn take(&mut self) -> Received {
        let seq = self.seq;
        self.seq += 1;
        self.left = self.left.saturating_sub(1);
        let mut length = self.bytes.len();
        if self.packed {
            // Whole payloads were checked; the minimum is for safety only.
            length = self.bytes.try_get_u32().map_or(0, |length| length as usize).min(self.bytes.len());
        }
        debug_assert!(!self.packed || self.bytes.len() >= length + LENGTH_BYTES * self.left as usize);
        let data = if self.left == 0 { std::mem::take(&mut self.bytes) } else { self.bytes.split_to(length) };
        Received { data, sequence: seq, redelivered: self.redelivered }
    }
}
