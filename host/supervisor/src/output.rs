//! The files that the output of a command is kept in.
//!
//! They are pieces of the output, each named by the position of its first byte. Of an output that exceeds its limit the
//! first two pieces and the last two are kept, each a quarter of the limit. What is between them is dropped.

use std::collections::VecDeque;
use std::fs::{self, File};
use std::io::{self, Read as _, Seek as _, SeekFrom, Write as _};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use crate::messages::OutputFiles;

/// How much of the end is reported with the result.
const TAIL: usize = 4096;

/// How many pieces of the beginning stay, and how many of the end.
const KEPT: usize = 2;

/// How long nothing is written after the disk has refused it.
const REFUSED: Duration = Duration::from_millis(200);

/// A piece of the output.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Piece {
    start: u64,
    length: u64,
}

/// Writes the files.
pub(crate) struct Writer {
    folder: PathBuf,
    piece_size: u64,
    pieces: Vec<Piece>,
    file: Option<File>,
    refused: Option<Instant>,
    bytes: u64,
    kept: u64,
    tail: VecDeque<u8>,
}

impl Writer {
    pub(crate) fn new(files: &OutputFiles) -> Self {
        Writer {
            folder: files.folder.clone(),
            piece_size: (files.limit / (2 * KEPT as u64)).max(1),
            pieces: Vec::new(),
            file: None,
            refused: None,
            bytes: 0,
            kept: 0,
            tail: VecDeque::with_capacity(TAIL),
        }
    }

    pub(crate) fn write(&mut self, mut chunk: &[u8]) {
        let last = &chunk[chunk.len().saturating_sub(TAIL)..];
        self.tail.drain(..(self.tail.len() + last.len()).saturating_sub(TAIL));
        self.tail.extend(last);
        while !chunk.is_empty() {
            let room = match (&self.file, self.pieces.last()) {
                (Some(_), Some(piece)) => usize::try_from(self.piece_size - piece.length).unwrap_or(usize::MAX),
                _ => 0,
            };
            if room == 0 {
                if !self.open() {
                    self.bytes += chunk.len() as u64;
                    return;
                }
                continue;
            }
            let (now, later) = chunk.split_at(room.min(chunk.len()));
            self.append(now);
            chunk = later;
        }
    }

    fn append(&mut self, part: &[u8]) {
        let Some((file, piece)) = self.file.as_mut().zip(self.pieces.last_mut()) else { return };
        let mut written = 0;
        while written < part.len() {
            match file.write(&part[written..]) {
                Ok(count @ 1..) => written += count,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Ok(0) | Err(_) => {
                    // The command goes on whatever the disk does. What follows the gap is another piece.
                    (self.file, self.refused) = (None, Some(Instant::now()));
                    break;
                }
            }
        }
        piece.length += written as u64;
        self.kept += written as u64;
        self.bytes += part.len() as u64;
    }

    /// Begins the next piece, and removes the one that is no longer among the first or the last; whether it could.
    fn open(&mut self) -> bool {
        if self.refused.is_some_and(|moment| moment.elapsed() < REFUSED) {
            return false;
        }
        self.refused = None;
        if self.pieces.last().is_some_and(|piece| piece.length == 0) {
            self.remove(self.pieces.len() - 1);
        }
        if self.pieces.len() >= 2 * KEPT {
            self.remove(KEPT);
        }
        match File::create(path(&self.folder, self.bytes)) {
            Ok(file) => {
                self.file = Some(file);
                self.pieces.push(Piece { start: self.bytes, length: 0 });
                true
            }
            Err(_) => {
                (self.file, self.refused) = (None, Some(Instant::now()));
                false
            }
        }
    }

    fn remove(&mut self, at: usize) {
        let piece = self.pieces.remove(at);
        self.kept -= piece.length;
        // One that is gone already is as well.
        let _ = fs::remove_file(path(&self.folder, piece.start));
    }

    /// How many bytes there were, how many of them are not there, and the last of them.
    pub(crate) fn finish(mut self) -> (u64, u64, String) {
        (self.bytes, self.bytes - self.kept, lossy_tail(self.tail.make_contiguous()))
    }
}

/// The end of an output as text of at most that many bytes.
fn lossy_tail(bytes: &[u8]) -> String {
    // A character that was cut in two at the beginning is left out.
    let cut = bytes.len() == TAIL;
    let begin = bytes.iter().take(3).take_while(|byte| cut && (0x80..0xc0).contains(*byte)).count();
    let text = String::from_utf8_lossy(&bytes[begin..]).into_owned();
    let mut from = text.len().saturating_sub(TAIL);
    while !text.is_char_boundary(from) {
        from += 1;
    }
    text[from..].to_owned()
}

fn path(folder: &Path, start: u64) -> PathBuf {
    folder.join(format!("{start:020}"))
}

/// A part of an output.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Part {
    /// The position of its first byte. It is beyond the one that was asked for where something was dropped.
    pub start: u64,
    /// The bytes; empty if there is nothing there yet.
    pub bytes: Vec<u8>,
}

/// Reads from a position on, at most so many bytes at once.
///
/// # Errors
///
/// If the files can't be read.
pub fn read(folder: &Path, from: u64, at_most: usize) -> io::Result<Part> {
    let pieces = pieces(folder)?;
    let Some(piece) = pieces.iter().find(|piece| piece.start + piece.length > from) else {
        return Ok(Part { start: from, bytes: Vec::new() });
    };
    let start = piece.start.max(from);
    let mut file = match File::open(path(folder, piece.start)) {
        // It was dropped in this moment: the next one is found by reading on.
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            return Ok(Part { start: piece.start + piece.length, bytes: Vec::new() });
        }
        file => file?,
    };
    file.seek(SeekFrom::Start(start - piece.start))?;
    let mut bytes = Vec::new();
    file.take(at_most as u64).read_to_end(&mut bytes)?;
    Ok(Part { start, bytes })
}

/// The position from which on there are that many lines at the end, or as many as the last piece of a megabyte has.
///
/// # Errors
///
/// If the files can't be read.
pub fn tail_start(folder: &Path, lines: u64) -> io::Result<u64> {
    const LOOKED_AT: u64 = 1 << 20;
    let Some(last) = pieces(folder)?.pop() else { return Ok(0) };
    let end = last.start + last.length;
    if lines == 0 {
        return Ok(end);
    }
    let mut at = end.saturating_sub(LOOKED_AT);
    let (mut begin, mut bytes) = (at, Vec::new());
    while at < end {
        let part = read(folder, at, usize::try_from(end - at).unwrap_or(usize::MAX))?;
        if part.start > at {
            // Nothing before a gap belongs to the last lines.
            (begin, bytes) = (part.start, Vec::new());
        }
        if part.bytes.is_empty() {
            break;
        }
        at = part.start + part.bytes.len() as u64;
        bytes.extend(part.bytes);
    }
    let ends = bytes.strip_suffix(b"\n").unwrap_or(&bytes);
    let newline = ends.iter().enumerate().rev().filter(|(_, byte)| **byte == b'\n').nth(lines as usize - 1);
    Ok(begin + newline.map_or(0, |(index, _)| index as u64 + 1))
}

fn pieces(folder: &Path) -> io::Result<Vec<Piece>> {
    let mut pieces = Vec::new();
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        let Some(start) = entry.file_name().to_str().and_then(|name| name.parse().ok()) else { continue };
        // One that was dropped meanwhile is none.
        if let Ok(metadata) = entry.metadata() {
            pieces.push(Piece { start, length: metadata.len() });
        }
    }
    pieces.sort_by_key(|piece| piece.start);
    Ok(pieces)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(limit: u64, chunks: &[&[u8]]) -> (tempfile::TempDir, (u64, u64, String)) {
        let folder = tempfile::tempdir().unwrap();
        let mut writer = Writer::new(&OutputFiles { folder: folder.path().to_owned(), limit });
        for chunk in chunks {
            writer.write(chunk);
        }
        (folder, writer.finish())
    }

    fn whole(folder: &Path) -> Vec<(u64, Vec<u8>)> {
        let (mut at, mut parts) = (0, Vec::new());
        loop {
            let part = read(folder, at, 3).unwrap();
            if part.bytes.is_empty() {
                return parts;
            }
            at = part.start + part.bytes.len() as u64;
            parts.push((part.start, part.bytes));
        }
    }

    #[test]
    fn beginning_and_end_of_a_long_output_are_kept() {
        let (folder, told) = written(16, &[b"0123456789", b"abcdefghijklmnop"]);
        assert_eq!(told, (26, 12, "0123456789abcdefghijklmnop".to_owned()));
        let kept: Vec<u8> = whole(folder.path()).into_iter().flat_map(|(_, bytes)| bytes).collect();
        assert_eq!(kept, b"01234567klmnop");
        assert_eq!(read(folder.path(), 9, 9).unwrap(), Part { start: 20, bytes: b"klmn".to_vec() });
        assert_eq!(read(folder.path(), 26, 9).unwrap(), Part { start: 26, bytes: Vec::new() });
    }

    #[test]
    fn last_lines_span_pieces_but_no_gap() {
        let (folder, _) = written(64, &[b"one\ntwo\nthree\nfour\nfive\n"]);
        for (lines, start) in [(0, 24), (1, 19), (2, 14), (4, 4), (5, 0), (9, 0)] {
            assert_eq!(tail_start(folder.path(), lines).unwrap(), start, "{lines}");
        }
        let (gap, _) = written(16, &[b"one\ntwo\nthree\nfour\nfive\nsix\n"]);
        assert_eq!(tail_start(gap.path(), 9).unwrap(), 20);
    }

    #[test]
    fn an_unwritable_folder_costs_only_the_output() {
        let mut writer = Writer::new(&OutputFiles { folder: "/nonexistent".into(), limit: 100 });
        writer.write(b"lost");
        assert_eq!(writer.finish(), (4, 4, "lost".to_owned()));
    }

    #[test]
    fn a_tail_is_text_of_a_bounded_length() {
        let long = "ä".repeat(TAIL);
        let (_folder, (_, _, tail)) = written(100_000, &[long.as_bytes(), b"x"]);
        assert!(tail.len() <= TAIL && tail.starts_with('ä') && tail.ends_with("äx"), "{}", tail.len());
        let (_folder, (_, _, tail)) = written(100_000, &[&[0xff; TAIL]]);
        assert!(tail.len() <= TAIL && tail.starts_with('\u{fffd}'), "{}", tail.len());
    }
}
