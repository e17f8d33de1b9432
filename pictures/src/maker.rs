//! Decodes an upload and encodes its pixels for browsers.

use std::io::Cursor;

use bytes::Bytes;
use image::codecs::jpeg::JpegEncoder;
use image::imageops::{self, FilterType};
use image::metadata::Orientation;
use image::{DynamicImage, ImageDecoder, ImageError, ImageFormat, ImageReader, Limits, Rgb, RgbImage, RgbaImage};
use shopease_shop::domain::{Picture, PictureProblem};
use shopease_shop::ports::{MAX_ASSET_BYTES, MadePicture, PictureMaker};

/// Most pixels that are decoded, more than a telephone's usual 12 million: 52 MB as RGBA.
const MAX_PIXELS: u64 = 13_000_000;
/// Most memory of a decoder, which includes the decoded picture. A progressive JPEG also has its coefficients.
const MAX_DECODER_BYTES: u64 = 160 * 1024 * 1024;
/// Qualities of a file from the first choice to the last: the next one is taken if the file is too large for every front door.
const WEBP_QUALITIES: [f32; 4] = [80.0, 60.0, 40.0, 10.0];
const JPEG_QUALITIES: [u8; 4] = [82, 65, 45, 15];

/// Makes pictures with the decoders of the crate `image`, and libwebp.
#[derive(Debug, Clone, Copy, Default)]
pub struct Maker;

impl PictureMaker for Maker {
    fn make(&self, file: &[u8]) -> Result<MadePicture, PictureProblem> {
        if file.len() > Picture::MAX_FILE_BYTES {
            return Err(PictureProblem::TooLarge);
        }
        check_frames(file)?;
        let largest = reduced(decoded(file)?, Picture::MAX_SIDE);
        let picture = Picture::new(file, largest.width(), largest.height());
        let fallback = match reduced_size(largest.dimensions(), Picture::MAX_FALLBACK_SIDE) {
            Some(size) => jpeg(&resized(&largest, size)),
            None => jpeg(&largest),
        };
        let mut files = vec![(picture.fallback_path(), fallback?)];
        for width in picture.widths() {
            let size = (width, picture.height_at(width));
            let body = if size == picture.size() { webp(&largest) } else { webp(&resized(&largest, size)) };
            files.push((picture.path(width), body?));
        }
        Ok(MadePicture { picture, files })
    }
}

/// The pixels of an upload and how they are turned upright. The size is checked before anything is decoded.
fn decoded(file: &[u8]) -> Result<(RgbaImage, Orientation), PictureProblem> {
    let mut reader =
        ImageReader::new(Cursor::new(file)).with_guessed_format().map_err(|_| PictureProblem::Unsupported)?;
    let supported = [ImageFormat::Jpeg, ImageFormat::Png, ImageFormat::WebP, ImageFormat::Gif];
    if !reader.format().is_some_and(|format| supported.contains(&format)) {
        return Err(PictureProblem::Unsupported);
    }
    let mut limits = Limits::no_limits();
    limits.max_alloc = Some(MAX_DECODER_BYTES);
    reader.limits(limits);
    let problem = |error| match error {
        ImageError::Limits(_) => PictureProblem::TooManyPixels { max: MAX_PIXELS },
        ImageError::Unsupported(_) => PictureProblem::Unsupported,
        _ => PictureProblem::Damaged,
    };
    let mut decoder = reader.into_decoder().map_err(problem)?;
    let (width, height) = decoder.dimensions();
    if u64::from(width) * u64::from(height) > MAX_PIXELS || decoder.total_bytes() > MAX_DECODER_BYTES {
        return Err(PictureProblem::TooManyPixels { max: MAX_PIXELS });
    }
    // A picture without a readable orientation is shown as it is stored, as browsers do.
    let orientation = decoder.orientation().unwrap_or(Orientation::NoTransforms);
    let image = DynamicImage::from_decoder(decoder).map_err(problem)?;
    let mut image = image.into_rgba8();
    multiply_alpha(&mut image);
    Ok((image, orientation))
}

/// Multiplies the colors by alpha, so that averages of pixels do not contain the colors of transparent ones.
fn multiply_alpha(image: &mut RgbaImage) {
    for pixel in image.pixels_mut().filter(|pixel| pixel.0[3] < u8::MAX) {
        let [red, green, blue, alpha] = pixel.0.map(u32::from);
        let multiplied = |value: u32| byte((value * alpha + 127) / 255);
        pixel.0 = [multiplied(red), multiplied(green), multiplied(blue), byte(alpha)];
    }
}

/// The reverse, for files with transparency.
fn divided_by_alpha(image: &RgbaImage) -> RgbaImage {
    let mut image = image.clone();
    for pixel in image.pixels_mut().filter(|pixel| (1..u8::MAX).contains(&pixel.0[3])) {
        let [red, green, blue, alpha] = pixel.0.map(u32::from);
        let divided = |value: u32| byte((value * 255 + alpha / 2) / alpha);
        pixel.0 = [divided(red), divided(green), divided(blue), byte(alpha)];
    }
    image
}

fn byte(value: u32) -> u8 {
    u8::try_from(value).unwrap_or(u8::MAX)
}

/// Checks what the decoders of WebP and GIF do not: parts that are longer than the file, and frames that are larger than the picture.
/// They would allocate memory for them first.
fn check_frames(file: &[u8]) -> Result<(), PictureProblem> {
    if file.starts_with(b"RIFF") && file.get(8..12) == Some(b"WEBP") {
        check_webp(&file[12..])
    } else if file.starts_with(b"GIF8") {
        check_gif(file)
    } else {
        Ok(())
    }
}

/// The chunks that a decoder of WebP reads.
const WEBP_CHUNKS: [&[u8; 4]; 9] = [b"VP8 ", b"VP8L", b"VP8X", b"ALPH", b"ANIM", b"ANMF", b"ICCP", b"EXIF", b"XMP "];

/// Checks the chunks of a WebP file (<https://developers.google.com/speed/webp/docs/riff_container>).
fn check_webp(mut chunks: &[u8]) -> Result<(), PictureProblem> {
    while let [a, b, c, d, l0, l1, l2, l3, rest @ ..] = chunks {
        let length = usize::try_from(u32::from_le_bytes([*l0, *l1, *l2, *l3])).unwrap_or(usize::MAX);
        let tag = [*a, *b, *c, *d];
        // Other chunks are not read, and anything may follow the last one.
        if !WEBP_CHUNKS.contains(&&tag) {
            chunks = rest.get(length.saturating_add(length % 2)..).unwrap_or_default();
            continue;
        }
        let content = rest.get(..length).ok_or(PictureProblem::Damaged)?;
        match &tag {
            // Frame tag, start code, and 14 bits each of width and height (RFC 6386, section 9.1).
            b"VP8 " => {
                let Some(&[w0, w1, h0, h1]) = content.get(6..10) else { return Err(PictureProblem::Damaged) };
                let side = |low, high| u64::from(u16::from_le_bytes([low, high]) & 0x3fff);
                check_pixels(side(w0, w1), side(h0, h1))?;
            }
            // Signature, and 14 bits each of width and height minus one.
            b"VP8L" => {
                let Some(&[b0, b1, b2, b3]) = content.get(1..5) else { return Err(PictureProblem::Damaged) };
                let bits = u32::from_le_bytes([b0, b1, b2, b3]);
                check_pixels(u64::from(bits & 0x3fff) + 1, u64::from(bits >> 14 & 0x3fff) + 1)?;
            }
            // A frame of an animation: its chunks follow 16 bytes.
            b"ANMF" => check_webp(content.get(16..).ok_or(PictureProblem::Damaged)?)?,
            _ => {}
        }
        chunks = rest.get(length + length % 2..).unwrap_or_default();
    }
    Ok(())
}

/// Checks the first frame of a GIF file, the only one that is decoded
/// (<https://www.w3.org/Graphics/GIF/spec-gif89a.txt>).
fn check_gif(file: &[u8]) -> Result<(), PictureProblem> {
    let colors = |packed: u8| if packed & 0x80 == 0 { 0 } else { 3usize << ((packed & 7) + 1) };
    let damaged = PictureProblem::Damaged;
    let mut place = 13 + colors(*file.get(10).ok_or(damaged)?);
    // Extensions: a label, and blocks that begin with their length, up to an empty one.
    while file.get(place) == Some(&0x21) {
        place += 2;
        while let Some(length @ 1..) = file.get(place) {
            place += 1 + usize::from(*length);
        }
        place += 1;
    }
    match file.get(place..place + 9) {
        Some(&[0x2c, _, _, _, _, w0, w1, h0, h1]) => {
            check_pixels(u16::from_le_bytes([w0, w1]).into(), u16::from_le_bytes([h0, h1]).into())
        }
        _ => Err(damaged),
    }
}

fn check_pixels(width: u64, height: u64) -> Result<(), PictureProblem> {
    if width * height > MAX_PIXELS { Err(PictureProblem::TooManyPixels { max: MAX_PIXELS }) } else { Ok(()) }
}

/// The picture upright, and not larger than `max_side`.
fn reduced((image, orientation): (RgbaImage, Orientation), max_side: u32) -> RgbaImage {
    let image = match reduced_size(image.dimensions(), max_side) {
        Some(size) => resized(&image, size),
        None => image,
    };
    let mut image = DynamicImage::ImageRgba8(image);
    image.apply_orientation(orientation);
    image.into_rgba8()
}

/// The size of the same proportions whose longest side is `max_side`; `None` for one that is not larger.
fn reduced_size((width, height): (u32, u32), max_side: u32) -> Option<(u32, u32)> {
    let longest = width.max(height);
    // Up to 13 million pixels times a side fit.
    let side = |side: u32| u64::from(side) * u64::from(max_side) / u64::from(longest);
    let side = |length: u32| u32::try_from(side(length)).unwrap_or(max_side).max(1);
    (longest > max_side).then(|| (side(width), side(height)))
}

/// The picture in a smaller size. A much larger one is first reduced by averaging, which needs no further memory.
fn resized(image: &RgbaImage, (width, height): (u32, u32)) -> RgbaImage {
    let is_much_larger = image.width() / 2 >= width * 2 && image.height() / 2 >= height * 2;
    if is_much_larger {
        let averaged = imageops::thumbnail(image, width * 2, height * 2);
        return imageops::resize(&averaged, width, height, FilterType::CatmullRom);
    }
    imageops::resize(image, width, height, FilterType::CatmullRom)
}

/// Encodes with the best quality whose file every front door can send.
fn within_limit<Q: Copy>(
    qualities: &[Q],
    encode: impl Fn(Q) -> Result<Bytes, PictureProblem>,
) -> Result<Bytes, PictureProblem> {
    for quality in qualities {
        let file = encode(*quality)?;
        if file.len() <= MAX_ASSET_BYTES {
            return Ok(file);
        }
    }
    Err(PictureProblem::TooLarge)
}

fn webp(image: &RgbaImage) -> Result<Bytes, PictureProblem> {
    let image = &divided_by_alpha(image);
    let encoder = webp::Encoder::from_rgba(image, image.width(), image.height());
    within_limit(&WEBP_QUALITIES, |quality| {
        let file = encoder.encode_simple(false, quality).map_err(|_| PictureProblem::Unsupported)?;
        Ok(Bytes::copy_from_slice(&file))
    })
}

fn jpeg(image: &RgbaImage) -> Result<Bytes, PictureProblem> {
    let opaque = RgbImage::from_fn(image.width(), image.height(), |x, y| {
        let [red, green, blue, alpha] = image.get_pixel(x, y).0.map(u32::from);
        let on_white = |value: u32| byte(value + 255 - alpha);
        Rgb([red, green, blue].map(on_white))
    });
    within_limit(&JPEG_QUALITIES, |quality| {
        let mut file = Vec::new();
        let encoder = JpegEncoder::new_with_quality(&mut file, quality);
        opaque.write_with_encoder(encoder).map_err(|_| PictureProblem::Unsupported)?;
        Ok(file.into())
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use image::{ExtendedColorType, ImageEncoder as _};

    /// A picture whose left third is red, on a blue ground.
    fn photograph(width: u32, height: u32) -> RgbImage {
        RgbImage::from_fn(width, height, |x, _| if x < width / 3 { Rgb([200, 0, 0]) } else { Rgb([0, 0, 200]) })
    }

    fn encoded(image: &RgbImage, format: ImageFormat) -> Vec<u8> {
        let mut file = Cursor::new(Vec::new());
        image.write_to(&mut file, format).expect("encoded");
        file.into_inner()
    }

    /// Adds EXIF data with an orientation and a position to a JPEG file.
    fn with_exif(jpeg: &[u8], orientation: u8) -> Vec<u8> {
        let mut tiff = b"MM\0*\0\0\0\x08\0\x02\x01\x12\0\x03\0\0\0\x01\0".to_vec();
        tiff.extend([orientation, 0, 0]);
        // A second entry: the image description, which stands for everything that must not remain.
        tiff.extend(b"\x01\x0e\0\x02\0\0\0\x10\0\0\0\x26\0\0\0\0GPS 52.5 N 13.4\0");
        let length = u16::try_from(tiff.len() + 8).expect("short").to_be_bytes();
        let mut file = vec![0xff, 0xd8, 0xff, 0xe1];
        file.extend(length);
        file.extend(b"Exif\0\0");
        file.extend(tiff);
        file.extend(&jpeg[2..]);
        file
    }

    /// A PNG file that claims a size, with a few compressed bytes.
    fn png_of_size(width: u32, height: u32) -> Vec<u8> {
        let mut file = encoded(&photograph(4, 4), ImageFormat::Png);
        file[16..20].copy_from_slice(&width.to_be_bytes());
        file[20..24].copy_from_slice(&height.to_be_bytes());
        let mut checksum = flate2::Crc::new();
        checksum.update(&file[12..29]);
        file[29..33].copy_from_slice(&checksum.sum().to_be_bytes());
        file
    }

    fn read(made: &MadePicture, path: &str) -> RgbImage {
        let (_, body) = made.files.iter().find(|(name, _)| name == path).expect(path);
        image::load_from_memory(body).expect("a picture").into_rgb8()
    }

    #[test]
    fn every_format_becomes_the_widths_of_its_size() {
        for format in [ImageFormat::Jpeg, ImageFormat::Png, ImageFormat::WebP, ImageFormat::Gif] {
            let made = Maker.make(&encoded(&photograph(900, 600), format)).expect("a picture");
            assert_eq!((made.picture.size(), made.picture.widths()), ((900, 600), vec![320, 640, 900]), "{format:?}");
            for width in made.picture.widths() {
                let file = read(&made, &made.picture.path(width));
                assert_eq!(file.dimensions(), (width, made.picture.height_at(width)), "{format:?}");
                let (left, right) = (file.get_pixel(width / 10, 5), file.get_pixel(width - 10, 5));
                assert!(
                    left[0] > 150 && left[2] < 60 && right[0] < 60 && right[2] > 150,
                    "{format:?}: {left:?} {right:?}"
                );
            }
            assert_eq!(read(&made, &made.picture.fallback_path()).dimensions(), (900, 600));
            assert_eq!(made.files.len(), 4);
        }
    }

    #[test]
    fn large_pictures_are_reduced_and_small_ones_stay() {
        for ((width, height), size, fallback, widths) in [
            ((4000, 3000), (1920, 1440), (1280, 960), vec![320, 640, 1280, 1920]),
            ((1000, 4000), (480, 1920), (320, 1280), vec![320, 480]),
            ((320, 200), (320, 200), (320, 200), vec![320]),
            ((1, 1), (1, 1), (1, 1), vec![1]),
            ((16000, 1), (1920, 1), (1280, 1), vec![320, 640, 1280, 1920]),
        ] {
            let made = Maker.make(&encoded(&photograph(width, height), ImageFormat::Png)).expect("a picture");
            assert_eq!((made.picture.size(), made.picture.widths()), (size, widths), "{width}x{height}");
            assert_eq!(read(&made, &made.picture.fallback_path()).dimensions(), fallback, "{width}x{height}");
        }
    }

    #[test]
    fn pictures_are_turned_upright_and_lose_all_other_data() {
        let plain = encoded(&photograph(60, 30), ImageFormat::Jpeg);
        // Orientation, and where the red third is afterwards.
        for (orientation, size, red) in [
            (1, (60, 30), (5, 15)),
            (3, (60, 30), (55, 15)),
            (6, (30, 60), (15, 5)),
            (8, (30, 60), (15, 55)),
            (99, (60, 30), (5, 15)),
        ] {
            let upload = with_exif(&plain, orientation);
            assert!(upload.windows(3).any(|part| part == b"GPS"));
            let made = Maker.make(&upload).expect("a picture");
            assert_eq!(made.picture.size(), size, "{orientation}");
            let pixel = *read(&made, &made.picture.fallback_path()).get_pixel(red.0, red.1);
            assert!(pixel[0] > 150 && pixel[2] < 90, "{orientation}: {pixel:?}");
            for (path, body) in &made.files {
                for trace in [&b"GPS"[..], b"Exif", b"EXIF"] {
                    assert!(!body.windows(trace.len()).any(|part| part == trace), "{path}");
                }
            }
        }
    }

    #[test]
    fn transparent_parts_stay_transparent_and_are_white_as_a_fallback() {
        let clear = RgbaImage::from_pixel(40, 40, image::Rgba([10, 20, 30, 0]));
        let mut file = Vec::new();
        let encoder = image::codecs::png::PngEncoder::new(&mut file);
        encoder.write_image(&clear, 40, 40, ExtendedColorType::Rgba8).expect("encoded");
        let made = Maker.make(&file).expect("a picture");
        let (_, webp) = made.files.iter().find(|(path, _)| *path == made.picture.path(40)).expect("a file");
        assert_eq!(image::load_from_memory(webp).expect("a picture").into_rgba8().get_pixel(9, 9)[3], 0);
        assert!(read(&made, &made.picture.fallback_path()).get_pixel(9, 9).0.iter().all(|value| *value > 250));
    }

    #[test]
    fn edges_of_transparent_pictures_keep_their_color() {
        // A white half beside a transparent one, whose color is black, as browsers write it.
        let half = RgbaImage::from_fn(1401, 30, |x, _| image::Rgba(if x < 700 { [255; 4] } else { [0; 4] }));
        let mut file = Cursor::new(Vec::new());
        half.write_to(&mut file, ImageFormat::Png).expect("encoded");
        let made = Maker.make(&file.into_inner()).expect("a picture");
        let fallback = read(&made, &made.picture.fallback_path());
        assert!(fallback.pixels().all(|pixel| pixel.0.iter().all(|value| *value > 245)), "a dark edge");
        let (_, webp) = made.files.iter().find(|(path, _)| *path == made.picture.path(320)).expect("a file");
        let webp = image::load_from_memory(webp).expect("a picture").into_rgba8();
        let seen: Vec<_> = webp.pixels().filter(|pixel| pixel.0[3] > 30).collect();
        assert!(seen.iter().any(|pixel| pixel.0[3] < 250), "an edge");
        assert!(seen.iter().all(|pixel| pixel.0[..3].iter().all(|value| *value > 200)), "a dark edge");
    }

    #[test]
    fn the_same_upload_is_the_same_picture() {
        let upload = encoded(&photograph(50, 50), ImageFormat::Png);
        assert_eq!(Maker.make(&upload), Maker.make(&upload));
        let other = Maker.make(&encoded(&photograph(51, 50), ImageFormat::Png)).expect("a picture");
        assert_ne!(Maker.make(&upload).expect("a picture").picture, other.picture);
    }

    #[test]
    fn code_after_the_pixels_is_not_part_of_the_picture() {
        for format in [ImageFormat::Jpeg, ImageFormat::Png, ImageFormat::Gif, ImageFormat::WebP] {
            let mut upload = encoded(&photograph(30, 30), format);
            upload.extend(b"<script>alert(1)</script>PK\x03\x04");
            let made = Maker.make(&upload).expect("a picture");
            for (path, body) in &made.files {
                assert!(!body.windows(7).any(|part| part == b"<script"), "{format:?} {path}");
            }
        }
    }

    #[test]
    fn hostile_files_are_refused_without_decoding_them() {
        let too_many = PictureProblem::TooManyPixels { max: MAX_PIXELS };
        let jpeg = encoded(&photograph(300, 300), ImageFormat::Jpeg);
        let png = encoded(&photograph(300, 300), ImageFormat::Png);
        let webp = encoded(&photograph(300, 300), ImageFormat::WebP);
        let gif = encoded(&photograph(300, 300), ImageFormat::Gif);
        let half = |file: &[u8]| file[..file.len() / 2].to_vec();
        let header = |file: &[u8]| file[..12].to_vec();
        let mut jpeg_of_65535 = jpeg.clone();
        let frame = jpeg.windows(2).position(|marker| marker == [0xff, 0xc0]).expect("a frame");
        jpeg_of_65535[frame + 5..frame + 9].fill(0xff);
        let mut gif_of_65535 = gif.clone();
        gif_of_65535[6..10].fill(0xff);
        // A canvas of 10 by 10 pixels around a frame of 16,383 by 16,383.
        let mut webp_of_16383 = b"RIFF\x30\0\0\0WEBPVP8X\x0a\0\0\0\0\0\0\0\x09\0\0\x09\0\0".to_vec();
        webp_of_16383.extend(b"VP8 \x0a\0\0\0\x10\0\0\x9d\x01\x2a\xff\x3f\xff\x3f");
        let mut endless_webp = webp.clone();
        endless_webp[4..8].fill(0xff);
        endless_webp.extend(b"EXIF\xf0\xff\xff\xff");
        let mut gif_frame_of_65535 = gif.clone();
        let frame = gif.windows(5).position(|start| start == [0x2c, 0, 0, 0, 0]).expect("a frame");
        gif_frame_of_65535[frame + 5..frame + 9].fill(0xff);
        let svg = b"<svg xmlns=\"http://www.w3.org/2000/svg\"><script>alert(1)</script></svg>".to_vec();
        let damaged = PictureProblem::Damaged;
        let unsupported = PictureProblem::Unsupported;
        let cases: Vec<(&str, Vec<u8>, PictureProblem)> = vec![
            ("empty", Vec::new(), unsupported),
            ("text", b"hello".to_vec(), unsupported),
            ("SVG", svg.clone(), unsupported),
            ("SVG with a declaration", [b"<?xml version=\"1.0\"?>".to_vec(), svg].concat(), unsupported),
            ("HTML", b"<!doctype html><script>alert(1)</script>".to_vec(), unsupported),
            ("PDF", b"%PDF-1.7\n".to_vec(), unsupported),
            ("BMP", b"BM\x3a\0\0\0\0\0\0\0\x36\0\0\0".to_vec(), unsupported),
            ("AVIF", b"\0\0\0\x1cftypavif\0\0\0\0".to_vec(), unsupported),
            ("zeros", vec![0; 4096], unsupported),
            ("a byte too large", vec![0; Picture::MAX_FILE_BYTES + 1], PictureProblem::TooLarge),
            ("PNG of 30,000 by 30,000", png_of_size(30_000, 30_000), too_many),
            ("PNG of 2 billion pixels in width", png_of_size(2_000_000_000, 1), too_many),
            ("PNG of 4 billion by 4 billion", png_of_size(u32::MAX >> 1, u32::MAX >> 1), too_many),
            ("PNG without pixels", png_of_size(0, 0), damaged),
            ("JPEG of 65,535 by 65,535", jpeg_of_65535, too_many),
            ("GIF of 65,535 by 65,535", gif_of_65535, too_many),
            ("WebP whose frame has 16,383 by 16,383", webp_of_16383, too_many),
            ("WebP with a part of 4 GB", endless_webp, damaged),
            ("GIF whose frame has 65,535 by 65,535", gif_frame_of_65535, too_many),
            ("PNG with too few pixels", png_of_size(3_000, 3_000), damaged),
            ("half a PNG", half(&png), damaged),
            ("half a WebP", half(&webp), damaged),
            ("half a GIF", half(&gif), damaged),
            ("start of a JPEG", header(&jpeg), damaged),
            ("start of a PNG", header(&png), damaged),
            ("start of a WebP", header(&webp), damaged),
            ("start of a GIF", header(&gif), damaged),
        ];
        for (name, file, problem) in cases {
            assert_eq!(Maker.make(&file).map(|made| made.picture), Err(problem), "{name}");
        }
    }

    /// A decoder must return an error for every file; a panic would end the request without an answer.
    #[test]
    fn no_change_of_a_byte_causes_a_panic() {
        for format in [ImageFormat::Jpeg, ImageFormat::Png, ImageFormat::WebP, ImageFormat::Gif] {
            let upload = encoded(&photograph(24, 16), format);
            for place in 0..upload.len() {
                for value in [0, 0xff, upload[place] ^ 0x55] {
                    let mut changed = upload.clone();
                    changed[place] = value;
                    // Whether it is still a picture depends on the byte.
                    let _ = Maker.make(&changed);
                }
            }
        }
    }

    #[test]
    fn a_file_that_stays_too_large_is_encoded_with_less_quality() {
        let sizes = [900_000, 800_000, 100];
        let encoded = within_limit(&[0, 1, 2], |quality: usize| Ok(vec![0; sizes[quality]].into()));
        assert_eq!(encoded.map(|file| file.len()), Ok(100));
        let never = within_limit(&[0, 1], |quality: usize| Ok(vec![0; sizes[quality]].into()));
        assert_eq!(never, Err(PictureProblem::TooLarge));
    }
}
