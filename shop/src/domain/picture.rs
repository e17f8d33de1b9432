//! Uploaded pictures of products. The address of a picture contains all that a page needs to know about it.

use sha2::{Digest as _, Sha256};

use super::hex;

/// An uploaded picture. It is stored as a few WebP files of different widths, and as a JPEG file for all other uses.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Picture {
    /// Derived from the content of the uploaded file.
    key: String,
    width: u32,
    height: u32,
}

/// Part of the key: another version of the files, made of the same upload, needs another name.
const RECIPE: &str = "picture 1";
/// Characters of a key: 128 bits.
const KEY_CHARS: usize = 32;
/// Below the path of the assets.
const DIRECTORY: &str = "pictures/";
/// The path of the assets.
const ASSETS: &str = "/assets/";

impl Picture {
    /// Widths of its files in pixels, as far as the upload was that wide.
    pub const WIDTHS: [u32; 4] = [320, 640, 1280, 1920];
    /// Longest side in pixels.
    pub const MAX_SIDE: u32 = 1920;
    /// Longest side of the JPEG file in pixels.
    pub const MAX_FALLBACK_SIDE: u32 = 1280;
    /// Largest file that a shop accepts: with its form, it fits into every front door's request (see `MAX_ASSET_BYTES`).
    pub const MAX_FILE_BYTES: usize = 690 * 1024;

    /// The picture of an uploaded file, at most [`Picture::MAX_SIDE`] wide and high.
    pub fn new(file: &[u8], width: u32, height: u32) -> Self {
        let digest = Sha256::new().chain_update(RECIPE).chain_update(file).finalize();
        Self { key: hex(&digest)[..KEY_CHARS].to_owned(), width, height }
    }

    /// Returns the picture with an address; `None` if the address is not that of an uploaded picture.
    pub fn at(address: &str) -> Option<Self> {
        let name = address.strip_prefix(ASSETS)?.strip_prefix(DIRECTORY)?.strip_suffix(".jpg")?;
        let (key, sides) = name.split_once('-')?;
        let (width, height) = sides.split_once('x')?;
        let pixels = |text: &str| text.parse().ok().filter(|pixels| (1..=Self::MAX_SIDE).contains(pixels));
        let picture = Self { key: key.to_owned(), width: pixels(width)?, height: pixels(height)? };
        let is_key = key.len() == KEY_CHARS && key.bytes().all(|c| matches!(c, b'0'..=b'9' | b'a'..=b'f'));
        // A number has several spellings.
        (is_key && picture.address() == address).then_some(picture)
    }

    /// The file name of an asset that belongs to an uploaded picture; `None` for another asset. The content of a file never changes.
    pub fn file_name(path: &str) -> Option<&str> {
        let name = path.strip_prefix(DIRECTORY)?;
        // Paths come from URLs: a name must not lead out of the directory.
        let picture = match name.strip_suffix(".webp") {
            Some(name) => name.rsplit_once('-').filter(|(_, width)| is_number(width)).map(|(picture, _)| picture),
            None => name.strip_suffix(".jpg"),
        };
        Self::at(&format!("{ASSETS}{DIRECTORY}{}.jpg", picture?)).map(|_| name)
    }

    /// The address of its JPEG file, which products refer to.
    pub fn address(&self) -> String {
        format!("{ASSETS}{}", self.fallback_path())
    }

    /// The asset with its JPEG file.
    pub fn fallback_path(&self) -> String {
        format!("{}.jpg", self.name())
    }

    /// The asset with its WebP file of a width.
    pub fn path(&self, width: u32) -> String {
        format!("{}-{width}.webp", self.name())
    }

    fn name(&self) -> String {
        format!("{DIRECTORY}{}-{}x{}", self.key, self.width, self.height)
    }

    /// Width and height of its largest file in pixels.
    pub const fn size(&self) -> (u32, u32) {
        (self.width, self.height)
    }

    /// Widths of its WebP files in pixels, ascending.
    pub fn widths(&self) -> Vec<u32> {
        let smaller = Self::WIDTHS.into_iter().filter(|width| *width < self.width);
        smaller.chain([self.width]).collect()
    }

    /// The height that belongs to a width, in pixels.
    pub fn height_at(&self, width: u32) -> u32 {
        (self.height * width).div_ceil(self.width).max(1)
    }

    /// Width and address of its WebP files, ascending.
    pub fn files(&self) -> impl Iterator<Item = (u32, String)> {
        self.widths().into_iter().map(|width| (width, format!("{ASSETS}{}", self.path(width))))
    }

    /// Its WebP files for the attribute `srcset`.
    pub fn srcset(&self) -> String {
        let files: Vec<_> = self.files().map(|(width, address)| format!("{address} {width}w")).collect();
        files.join(", ")
    }
}

fn is_number(text: &str) -> bool {
    !text.is_empty() && text.len() <= 4 && text.bytes().all(|c| c.is_ascii_digit())
}

/// Why an uploaded file is not used as a picture.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PictureProblem {
    /// The file is larger than [`Picture::MAX_FILE_BYTES`].
    TooLarge,
    /// The file is not a JPEG, PNG, WebP or GIF file.
    Unsupported,
    /// The file has more pixels than are decoded.
    TooManyPixels {
        /// Most pixels.
        max: u64,
    },
    /// The file is incomplete or malformed.
    Damaged,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_address_describes_the_picture() {
        let picture = Picture::new(b"file", 1600, 1201);
        assert_eq!(Picture::at(&picture.address()), Some(picture.clone()));
        assert_eq!(picture.widths(), [320, 640, 1280, 1600]);
        assert_eq!((picture.height_at(1600), picture.height_at(320)), (1201, 241));
        assert_eq!(picture.srcset().matches(".webp ").count(), 4);
        assert_ne!(Picture::new(b"other file", 1600, 1201).address(), picture.address());
        assert_eq!(Picture::new(b"small", 320, 1).widths(), [320]);
    }

    #[test]
    fn a_file_name_does_not_lead_out_of_the_directory() {
        let picture = Picture::new(b"file", 40, 30);
        for path in [picture.fallback_path(), picture.path(40)] {
            assert_eq!(Picture::file_name(&path), path.strip_prefix(DIRECTORY));
        }
        for path in [
            "pictures/../shop.css",
            "pictures/..",
            "pictures/.hidden",
            "pictures/a\\b",
            "pictures/",
            "shop.css",
            "pictures/a.webp",
        ] {
            assert_eq!(Picture::file_name(path), None, "{path}");
        }
    }

    #[test]
    fn other_addresses_are_not_pictures() {
        let key = "0123456789abcdef0123456789abcdef";
        let at = |name: &str| Picture::at(&format!("/assets/pictures/{name}"));
        assert!(at(&format!("{key}-40x30.jpg")).is_some());
        for name in [
            format!("{key}-40x30.png"),
            format!("{key}-040x30.jpg"),
            format!("{key}-+40x30.jpg"),
            format!("{key}-40x0.jpg"),
            format!("{key}-4000x30.jpg"),
            format!("{key}-40x30-320.jpg"),
            format!("{}-40x30.jpg", key.to_uppercase()),
            "0123-40x30.jpg".to_owned(),
            "../shop.css".to_owned(),
        ] {
            assert_eq!(at(&name), None, "{name}");
        }
        assert_eq!(Picture::at("https://e.org/a.jpg"), None);
    }
}
