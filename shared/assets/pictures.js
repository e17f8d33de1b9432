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

/** The file itself if it has at most `limit` bytes, or a smaller picture of it. */
async function small(file, limit) {
  const bitmap = await createImageBitmap(file, { imageOrientation: "from-image" }).catch(() => null);
  // The server says what is wrong with a file that is no picture.
  if (!bitmap) return file.size <= limit ? file : null;
  const scale = Math.min(1, MAX_SIDE / Math.max(bitmap.width, bitmap.height));
  if (scale === 1 && file.size <= limit) return file;
  const canvas = document.createElement("canvas");
  canvas.width = Math.max(1, Math.round(bitmap.width * scale));
  canvas.height = Math.max(1, Math.round(bitmap.height * scale));
  const context = canvas.getContext("2d");
  context.imageSmoothingQuality = "high";
  context.drawImage(bitmap, 0, 0, canvas.width, canvas.height);
  bitmap.close();
  // WebP and PNG keep transparency. Browsers that cannot write WebP return PNG.
  for (const [type, quality] of [["image/webp", 0.9], ["image/webp", 0.7], ["image/jpeg", 0.85], ["image/jpeg", 0.6]]) {
    if (type === "image/jpeg") {
      context.globalCompositeOperation = "destination-over";
      context.fillStyle = "#fff";
      context.fillRect(0, 0, canvas.width, canvas.height);
    }
    const blob = await new Promise((done) => canvas.toBlob(done, type, quality));
    if (blob && blob.size <= limit) return blob;
  }
  return null;
}

/** Sends one picture with the fields of the others. Returns what went wrong. */
async function add(file) {
  const fields = new FormData();
  let limit = MAX_BYTES;
  for (const [name, value] of new FormData(form)) {
    if (!/^(csrf|version|title|shows_images|images\[.*)$/.test(name)) continue;
    fields.append(name, value);
    // The form has a limit, too; a field takes about 120 bytes besides its value.
    if (fields.has("images[40].url")) limit -= value.length + 240;
  }
  const content = await small(file, limit);
  if (!content) return "The file is too large, and this browser cannot make it smaller.";
  // A row of a variant shows the pictures that variants can have.
  fields.append("rows", "1");
  fields.append("action", "add_picture");
  fields.append("file", content, file.name);
  const response = await fetch(form.getAttribute("action"), { method: "POST", body: fields });
  const page = new DOMParser().parseFromString(await response.text(), "text/html");
  const problem = page.querySelector(".picture-upload .field-error") ?? page.querySelector("main .notice.bad");
  if (response.redirected) return "You are signed out. Sign in in another tab, and add it again.";
  const added = page.querySelectorAll(".picture-fields");
  if (!response.ok || added.length === 0) return problem?.textContent.trim() || "It could not be sent. Try again.";
  const former = form.querySelectorAll(".picture-fields");
  upload.before(...added);
  for (const shown of former) shown.remove();
  const choices = [...(page.querySelector("select[name$='.image']")?.options ?? [])];
  for (const select of form.querySelectorAll("select[name$='.image']")) {
    const { value } = select;
    select.replaceChildren(...choices.map((choice) => choice.cloneNode(true)));
    select.value = value;
  }
  return null;
}

input.addEventListener("change", async () => {
  const files = [...input.files];
  const failed = [];
  input.value = "";
  const save = form.querySelectorAll("[value=save], [value=add_variant]");
  input.disabled = true;
  for (const other of save) other.disabled = true;
  for (const [number, file] of files.entries()) {
    status.textContent = `Sending picture ${number + 1} of ${files.length} ...`;
    const problem = await add(file).catch(() => "The connection failed. Try again.");
    if (problem) failed.push(`${file.name}: ${problem}`);
  }
  input.disabled = false;
  for (const other of save) other.disabled = false;
  const added = files.length - failed.length;
  status.textContent = [`${added} of ${files.length} added. Save the product to keep them.`, ...failed].join("\n");
});
