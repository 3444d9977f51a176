/** Anything that can draw itself in a notebook has a method under this symbol (the convention of Deno's kernel). */
export const DISPLAY: unique symbol = Symbol.for("Jupyter.display");

/**
 * From MIME type to data, best first: `image/png` (base64) for every picture, then `text/html` where there is an
 * animation, an interactive chart or a table, and `text/plain` last.
 */
export type MimeBundle = Record<string, string>;

/** A value that can draw itself. */
export interface Displayable {
  [DISPLAY](): MimeBundle | Promise<MimeBundle>;
}

/** A value whose output is a static picture, with more beside it where that helps. */
export interface Picture extends Displayable {
  /** The static picture, as the bytes of a PNG file. */
  readonly png: Buffer;
  /** Width of the static picture, in pixels. */
  readonly width: number;
  /** Height of the static picture, in pixels. */
  readonly height: number;
  /** What the picture shows, in one line of words and numbers. */
  readonly text: string;
  /** The animation, as the bytes of a GIF file. */
  readonly gif?: Buffer;
  /** An animation or an interactive chart, as a piece of HTML that works alone. */
  readonly html?: string;
}

/** Joins the parts of a picture into a `Picture`. `html` may be a function: it then runs only when it is asked for. */
export function picture(parts: {
  png: Buffer;
  width: number;
  height: number;
  text: string;
  gif?: Buffer;
  html?: string | (() => string);
}): Picture {
  const { png, width, height, text, gif, html } = parts;
  return {
    png,
    width,
    height,
    text,
    ...(gif && { gif }),
    get html() {
      return typeof html === "function" ? html() : html;
    },
    [DISPLAY]() {
      const rich = this.html;
      return {
        "image/png": png.toString("base64"),
        ...(rich !== undefined && { "text/html": rich }),
        "text/plain": text,
      };
    },
  };
}

/** Whether the value has a method under `Symbol.for("Jupyter.display")`. */
export function isDisplayable(value: unknown): value is Displayable {
  return (
    (typeof value === "object" || typeof value === "function") &&
    value !== null &&
    typeof (value as Partial<Displayable>)[DISPLAY] === "function"
  );
}

const entities: Record<string, string> = { "&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;", "'": "&#39;" };

/** Text made safe for HTML, between tags and inside quoted attributes. */
export const escapeHtml = (text: string): string => text.replace(/[&<>"']/g, (char) => entities[char]);
