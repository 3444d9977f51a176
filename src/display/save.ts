import { extname } from "node:path";
import { writeAtomic } from "../files";
import { UserError } from "../types";
import { DISPLAY, type Displayable, escapeHtml, type Picture } from "./mime";

/** A page that shows the value alone, without a network. */
async function page(value: Displayable): Promise<Buffer> {
  const bundle = await value[DISPLAY]();
  const text = bundle["text/plain"] ?? "";
  const png = bundle["image/png"];
  const body =
    bundle["text/html"] ??
    (png ? `<img src="data:image/png;base64,${png}" alt="${escapeHtml(text)}">` : `<pre>${escapeHtml(text)}</pre>`);
  const title = escapeHtml(text.split("\n")[0].slice(0, 120));
  const style = "body{font-family:system-ui,'DejaVu Sans',sans-serif;color:#222;margin:24px}";
  return Buffer.from(
    `<!doctype html>\n<html lang="en">\n<head><meta charset="utf-8"><title>${title}</title><style>${style}</style></head>\n<body>\n${body}\n</body>\n</html>\n`,
  );
}

/** What a value can be written as, by file ending. */
function forms(value: Displayable): Record<string, () => Promise<Buffer> | Buffer> {
  const { png, gif, text } = value as Partial<Picture>;
  return {
    ...(png && { ".png": () => png }),
    ...(gif && { ".gif": () => gif }),
    ".html": () => page(value),
    ...(text !== undefined && { ".txt": () => Buffer.from(`${text}\n`) }),
  };
}

/**
 * Writes a picture, chart or table to a file; the ending says how: `.png` (pictures), `.gif` (animations), `.html` (a
 * page that works alone), `.txt` (what a terminal shows). Creates the folder; an earlier file of that name is replaced
 * in one move, or kept whole if writing fails. Error: an ending that the value cannot be written as.
 */
export async function save(value: Displayable, path: string): Promise<void> {
  const known = forms(value);
  const ending = extname(path).toLowerCase();
  if (!Object.hasOwn(known, ending)) {
    throw new UserError(
      `cannot save this as ${ending || "a file without ending"}: use ${Object.keys(known).join(", ")} (${path})`,
    );
  }
  writeAtomic(path, await known[ending]());
}
