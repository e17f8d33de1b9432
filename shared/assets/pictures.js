// Adds several pictures at once, each made small before it is sent, and keeps everything else that was typed. Without this script, the
// form sends one file at a time.

const form = document.querySelector("form:has(.picture-upload)");
const upload = form.querySelector(".picture-upload");
const input = upload.querySelector("[type=file]");
const button = upload.querySelector("[value=add_picture]");
const status = document.createElement("p");
status.setAttribute("role", "status");
status.className = "lines-kept";
upload.append(status);
input.multiple = true;
button.hidden = true;

// The limits of an upload, see `Picture` in shop/src/domain/picture.rs.
const MAX_SIDE = 1920;
const MAX_BYTES = 690 * 1024;

/** The file itself if it is small enough, or a smaller picture of it. */
async function small(file) {
  const bitmap = await createImageBitmap(file, { imageOrientation: "from-image" }).catch(() => null);
  // The server says what is wrong with a file that is no picture.
  if (!bitmap) return file.size <= MAX_BYTES ? file : null;
  const scale = Math.min(1, MAX_SIDE / Math.max(bitmap.width, bitmap.height));
  if (scale === 1 && file.size <= MAX_BYTES) return file;
  const canvas = document.createElement("canvas");
  canvas.width = Math.max(1, Math.round(bitmap.width * scale));
  canvas.height = Math.max(1, Math.round(bitmap.height * scale));
  const context = canvas.getContext("2d");
  context.imageSmoothingQuality = "high";
  context.drawImage(bitmap, 0, 0, canvas.width, canvas.height);
  // WebP keeps transparency; browsers that cannot write it return PNG, which is too large for photographs.
  for (const [type, quality] of [["image/webp", 0.9], ["image/jpeg", 0.85], ["image/webp", 0.6], ["image/jpeg", 0.6]]) {
    const blob = await new Promise((done) => canvas.toBlob(done, type, quality));
    if (blob?.type === type && blob.size <= MAX_BYTES) return blob;
  }
  return null;
}

/** Sends one picture with the fields of the others. Returns what went wrong. */
async function add(file) {
  const content = await small(file);
  if (!content) return "The file is too large, and this browser cannot make it smaller.";
  const fields = new FormData();
  for (const [name, value] of new FormData(form)) {
    if (/^(csrf|version|title|shows_images|images\[.*)$/.test(name)) fields.append(name, value);
  }
  // A row of a variant shows the pictures that variants can have.
  fields.append("rows", "1");
  fields.append("action", "add_picture");
  fields.append("file", content, file.name);
  const response = await fetch(form.getAttribute("action"), { method: "POST", body: fields });
  const page = new DOMParser().parseFromString(await response.text(), "text/html");
  const problem = page.querySelector(".picture-upload .field-error") ?? page.querySelector("main .notice.bad");
  if (!response.ok) return problem?.textContent.trim() || "It could not be sent. Try again.";
  for (const shown of form.querySelectorAll(".picture-fields")) shown.remove();
  upload.before(...page.querySelectorAll(".picture-fields"));
  const choices = page.querySelector("select[name$='.image']")?.options ?? [];
  for (const select of form.querySelectorAll("select[name$='.image']")) {
    select.append(...[...choices].slice(select.options.length).map((choice) => choice.cloneNode(true)));
  }
  return null;
}

input.addEventListener("change", async () => {
  const files = [...input.files];
  const failed = [];
  input.value = "";
  input.disabled = true;
  for (const [number, file] of files.entries()) {
    status.textContent = `Sending picture ${number + 1} of ${files.length} ...`;
    const problem = await add(file).catch(() => "The connection failed. Try again.");
    if (problem) failed.push(`${file.name}: ${problem}`);
  }
  input.disabled = false;
  const added = files.length - failed.length;
  status.textContent = [`${added} of ${files.length} added. Save the product to keep them.`, ...failed].join("\n");
});
