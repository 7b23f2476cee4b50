// Packs files into a .tar.gz, as the service takes folders: ustar headers, then the contents.

const BLOCK = 512;
const encode = (text) => new TextEncoder().encode(text);

// A name of up to 100 bytes, and what is longer as a prefix of up to 155 before a slash.
function split(name) {
  const bytes = encode(name);
  if (bytes.length <= 100) return [bytes, new Uint8Array()];
  for (let at = Math.min(155, bytes.length - 2); at > 0; at -= 1) {
    if (bytes[at] === 0x2f && bytes.length - at - 1 <= 100) return [bytes.slice(at + 1), bytes.slice(0, at)];
  }
  throw new Error(`The name ${name} is too long: rename the file or move it up.`);
}

function header(name, size) {
  const block = new Uint8Array(BLOCK);
  const put = (bytes, at) => block.set(typeof bytes === "string" ? encode(bytes) : bytes, at);
  const octal = (number, digits) => `${number.toString(8).padStart(digits, "0")}\0`;
  const [last, prefix] = split(name);
  put(last, 0);
  put(octal(0o644, 7), 100);
  put(octal(0, 7), 108); // nobody's: whose files they were is no part of a snapshot
  put(octal(0, 7), 116);
  put(octal(size, 11), 124);
  put(octal(0, 11), 136); // nor when they were written
  put(" ".repeat(8), 148);
  put("0", 156);
  put("ustar\0" + "00", 257);
  put(prefix, 345);
  put(`${octal(block.reduce((sum, byte) => sum + byte, 0), 6)} `, 148);
  return block;
}

// files: [{name, file}]; resolves to a Blob.
export function pack(files) {
  const parts = [];
  for (const { name, file } of files) {
    parts.push(header(name, file.size), file, new Uint8Array((BLOCK - (file.size % BLOCK)) % BLOCK));
  }
  parts.push(new Uint8Array(2 * BLOCK));
  const zipped = new Blob(parts).stream().pipeThrough(new CompressionStream("gzip"));
  return new Response(zipped).blob();
}
