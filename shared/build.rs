//! Takes Swagger UI out of the archive in which its crate ships it. The archive's compressed bytes become gzip files as they are,
//! so that the bundle is neither unpacked at build time nor compressed at run time.

use std::error::Error;
use std::io::{Cursor, Read as _};
use std::path::PathBuf;
use std::{env, fs};

use zip::{CompressionMethod, ZipArchive};

/// Without a name, a time and an operating system, so that every build contains the same bytes.
const GZIP_HEADER: [u8; 10] = [0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 255];

#[expect(clippy::disallowed_methods, reason = "Cargo passes the directory in the environment")]
fn main() -> Result<(), Box<dyn Error>> {
    println!("cargo::rerun-if-changed=build.rs");
    let out = PathBuf::from(env::var("OUT_DIR")?);
    let mut archive = ZipArchive::new(Cursor::new(utoipa_swagger_ui_vendored::SWAGGER_UI_VENDORED))?;
    for name in ["swagger-ui-bundle.js", "swagger-ui.css"] {
        let path = format!("/dist/{name}");
        let index = archive.file_names().position(|file| file.is_ok_and(|file| file.ends_with(&path))).ok_or(name)?;
        let mut file = archive.by_index_raw(index)?;
        if file.compression() != CompressionMethod::DEFLATE {
            return Err(format!("{name} is not compressed with Deflate").into());
        }
        let mut gzip = GZIP_HEADER.to_vec();
        file.read_to_end(&mut gzip)?;
        gzip.extend(file.crc32().to_le_bytes());
        gzip.extend(u32::try_from(file.size())?.to_le_bytes());
        fs::write(out.join(name).with_added_extension("gz"), gzip)?;
    }
    Ok(())
}
