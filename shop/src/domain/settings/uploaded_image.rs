//! The logo and the icon: their formats, and whether their files are whole and of a sensible size. Pixels are not decoded.

use bytes::Bytes;
use sha2::{Digest as _, Sha256};

use crate::domain::hex;

/// Largest image in bytes.
pub const MAX_UPLOAD_BYTES: usize = 64 * 1024;
/// Largest width and height in pixels: a small file can decode to gigabytes in a browser.
const MAX_SIDE: u32 = 4_096;

/// An uploaded image.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UploadedImage {
    /// Format of the content.
    pub format: ImageFormat,
    /// Content.
    pub bytes: Bytes,
    /// First twelve hexadecimal digits of its SHA-256, for URLs that name the content.
    pub digest: String,
}

/// Format of an uploaded image. SVG is not accepted: it can contain scripts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ImageFormat {
    /// PNG.
    Png,
    /// JPEG.
    Jpeg,
    /// WebP.
    Webp,
}

impl ImageFormat {
    /// The format of a file, from its first bytes.
    pub fn of(bytes: &[u8]) -> Option<Self> {
        match bytes {
            [0x89, b'P', b'N', b'G', b'\r', b'\n', 0x1a, b'\n', ..] => Some(Self::Png),
            [0xff, 0xd8, 0xff, ..] => Some(Self::Jpeg),
            [b'R', b'I', b'F', b'F', _, _, _, _, b'W', b'E', b'B', b'P', ..] => Some(Self::Webp),
            _ => None,
        }
    }

    /// The content type.
    pub const fn content_type(self) -> &'static str {
        match self {
            Self::Png => "image/png",
            Self::Jpeg => "image/jpeg",
            Self::Webp => "image/webp",
        }
    }
}

impl UploadedImage {
    /// The image with this content; `None` if it is in no supported format.
    pub fn new(bytes: Bytes) -> Option<Self> {
        let format = ImageFormat::of(&bytes)?;
        let digest = hex(&Sha256::digest(&bytes))[..12].to_owned();
        Some(Self { format, bytes, digest })
    }

    /// Whether the file is small enough, ends where its format says, and shows an image of 1 to [`MAX_SIDE`] pixels in width and height.
    pub fn is_usable(&self) -> bool {
        let sides = match self.format {
            ImageFormat::Png => png_sides(&self.bytes),
            ImageFormat::Jpeg => jpeg_sides(&self.bytes),
            ImageFormat::Webp => webp_sides(&self.bytes),
        };
        self.bytes.len() <= MAX_UPLOAD_BYTES
            && sides.is_some_and(|sides| sides.into_iter().all(|side| (1..=MAX_SIDE).contains(&side)))
    }
}

/// Width and height of a PNG file with all chunks from the header to the end.
fn png_sides(file: &[u8]) -> Option<[u32; 2]> {
    let mut rest = file.get(8..)?;
    let (mut sides, mut has_pixels) = (None, false);
    loop {
        let (length, tail) = rest.split_first_chunk::<4>()?;
        let (kind, tail) = tail.split_first_chunk::<4>()?;
        let (content, tail) = tail.split_at_checked(usize::try_from(u32::from_be_bytes(*length)).ok()?)?;
        let (_checksum, tail) = tail.split_first_chunk::<4>()?;
        match (kind, sides) {
            (b"IHDR", None) if content.len() == 13 => sides = Some([be32(content)?, be32(&content[4..])?]),
            (_, None) => return None,
            (b"IDAT", _) => has_pixels = true,
            (b"IEND", _) => return sides.filter(|_| has_pixels && tail.is_empty()),
            _ => {}
        }
        rest = tail;
    }
}

/// Width and height of a JPEG file whose first scan is followed by the end of the image.
fn jpeg_sides(file: &[u8]) -> Option<[u32; 2]> {
    let mut rest = file.get(2..)?;
    let mut sides = None;
    loop {
        let (&[0xff, marker], tail) = rest.split_first_chunk::<2>()? else { return None };
        // Markers may be preceded by any number of fill bytes.
        if marker == 0xff {
            rest = &rest[1..];
            continue;
        }
        let length = tail.first_chunk::<2>().map(|length| usize::from(u16::from_be_bytes(*length)))?;
        let (segment, tail) = tail.split_at_checked(length)?;
        match marker {
            // A frame header, which the tables with neighboring numbers are not.
            0xc0..=0xcf if !matches!(marker, 0xc4 | 0xc8 | 0xcc) => {
                let [height, width] = [segment.get(3..5)?, segment.get(5..7)?].map(|side| [side[0], side[1]]);
                sides = Some([u16::from_be_bytes(width).into(), u16::from_be_bytes(height).into()]);
            }
            0xda => return sides.filter(|_| tail.windows(2).any(|bytes| bytes == [0xff, 0xd9])),
            _ => {}
        }
        rest = tail;
    }
}

/// Width and height of a WebP file with as many bytes as its header says.
fn webp_sides(file: &[u8]) -> Option<[u32; 2]> {
    let size = le32(file.get(4..)?)?;
    if usize::try_from(size).ok()?.checked_add(8)? != file.len() {
        return None;
    }
    let chunk = file.get(12..)?;
    let content = chunk.get(8..)?;
    let content = content.get(..usize::try_from(le32(&chunk[4..])?).ok()?)?;
    match chunk.first_chunk::<4>()? {
        b"VP8 " if content.get(3..6)? == [0x9d, 0x01, 0x2a] => {
            let sides = le32(content.get(6..)?)?;
            Some([sides & 0x3fff, sides >> 16 & 0x3fff])
        }
        b"VP8L" if *content.first()? == 0x2f => {
            let sides = le32(content.get(1..)?)?;
            Some([(sides & 0x3fff) + 1, (sides >> 14 & 0x3fff) + 1])
        }
        // The canvas of an extended file; 24 bits each, less one.
        b"VP8X" if content.len() == 10 => {
            Some([le32(&content[4..])? & 0xff_ffff, le32(&content[6..])? >> 8].map(|side| side + 1))
        }
        _ => None,
    }
}

fn be32(bytes: &[u8]) -> Option<u32> {
    bytes.first_chunk().map(|bytes| u32::from_be_bytes(*bytes))
}

fn le32(bytes: &[u8]) -> Option<u32> {
    bytes.first_chunk().map(|bytes| u32::from_le_bytes(*bytes))
}

#[cfg(all(test, feature = "testing"))]
mod tests {
    use super::*;
    use crate::testing::fixtures;

    fn jpeg(width: u16, height: u16) -> Vec<u8> {
        let frame = [&[8][..], &height.to_be_bytes(), &width.to_be_bytes(), &[1, 1, 0x11, 0]].concat();
        [
            &[0xff, 0xd8, 0xff, 0xe0, 0, 4, 1, 1, 0xff, 0xff, 0xc2, 0, 11][..],
            &frame,
            &[0xff, 0xda, 0, 2, 7, 7, 0xff, 0xd9],
        ]
        .concat()
    }

    fn webp(kind: &str, content: &[u8]) -> Vec<u8> {
        let length = |count: usize| u32::try_from(count).unwrap_or_default().to_le_bytes();
        let chunk = [&b"WEBP"[..], kind.as_bytes(), &length(content.len()), content].concat();
        [&b"RIFF"[..], &length(chunk.len()), &chunk].concat()
    }

    fn is_usable(file: &[u8]) -> bool {
        UploadedImage::new(file.to_vec().into()).is_some_and(|image| image.is_usable())
    }

    #[test]
    fn only_whole_files_of_a_sensible_size_are_usable() {
        let lossy = |width: u16, height: u16| {
            webp(
                "VP8 ",
                &[&[0, 0, 0, 0x9d, 1, 0x2a][..], &width.to_le_bytes(), &height.to_le_bytes(), &[7; 4]].concat(),
            )
        };
        let lossless =
            |side: u32| webp("VP8L", &[&[0x2f][..], &((side - 1) | (side - 1) << 14).to_le_bytes(), &[7; 4]].concat());
        let extended = |side: u32| {
            let side = &(side - 1).to_le_bytes()[..3];
            webp("VP8X", &[&[0; 4][..], side, side].concat())
        };
        let png = |width, height| fixtures::png(width, height, 3);
        for file in [png(4096, 1), jpeg(1, 4096), lossy(40, 40), lossless(4096), extended(4096)] {
            assert!(is_usable(&file), "{file:?}");
            for length in 0..file.len() {
                assert!(!is_usable(&file[..length]), "{length} of {file:?}");
            }
        }
        for file in [
            png(4097, 1),
            png(0, 1),
            png(1, u32::MAX),
            jpeg(0, 9),
            jpeg(9, 5000),
            lossy(0, 9),
            lossless(5000),
            extended(5000),
        ] {
            assert!(!is_usable(&file), "{file:?}");
        }
        let headed = |head: &[u8]| [head, &[0; 60]].concat();
        for head in [&b"\x89PNG\r\n\x1a\n"[..], b"\xff\xd8\xff", b"RIFF\0\0\0\0WEBP", b"<svg"] {
            assert!(!is_usable(&headed(head)), "{head:?}");
        }
    }
}
