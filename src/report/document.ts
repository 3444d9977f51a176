import { escapeHtml } from "../display/mime";
import { markdownTable } from "./markdownTable";

/** A part of a document, to be written as Markdown or HTML. All text is plain. */
export type Block =
  | { readonly kind: "heading"; readonly text: string }
  | { readonly kind: "text"; readonly text: string }
  /** Stands out: something that a reader must not miss. */
  | { readonly kind: "warning"; readonly text: string }
  | { readonly kind: "list"; readonly items: readonly string[] }
  | { readonly kind: "table"; readonly head: readonly string[]; readonly rows: readonly (readonly string[])[] }
  /** `file` is where the PNG is written, beside the Markdown. */
  | { readonly kind: "picture"; readonly file: string; readonly png: Buffer; readonly text: string };

export interface Document {
  readonly title: string;
  readonly blocks: readonly Block[];
}

/** Text in which nothing is read as Markdown or HTML. */
const escapeMarkdown = (text: string) => text.replace(/\s+/g, " ").replace(/[\\`*_[\]<>|#&]/g, "\\$&");

/** The document as Markdown; its pictures are files beside it. */
export function toMarkdown({ title, blocks }: Document): string {
  const all = [`# ${escapeMarkdown(title)}`, ...blocks.map(blockAsMarkdown)];
  return `${all.join("\n\n")}\n`;
}

function blockAsMarkdown(block: Block): string {
  switch (block.kind) {
    case "heading":
      return `## ${escapeMarkdown(block.text)}`;
    case "text":
      return escapeMarkdown(block.text);
    case "warning":
      return `> **Warning:** ${escapeMarkdown(block.text)}`;
    case "list":
      return block.items.map((item) => `* ${escapeMarkdown(item)}`).join("\n");
    case "table":
      return markdownTable(
        block.head.map(escapeMarkdown),
        block.rows.map((row) => row.map(escapeMarkdown)),
      );
    case "picture":
      return `![${escapeMarkdown(block.text)}](${encodeURI(block.file)})`;
  }
}

const style = `
.ms-rnn-report{font:16px/1.5 system-ui,"DejaVu Sans",sans-serif;color:#222;background:#fff;max-width:72rem;margin:0 auto;padding:1rem;box-sizing:border-box;overflow-wrap:break-word}
.ms-rnn-report h1{font-size:1.6rem;line-height:1.25}
.ms-rnn-report h2{font-size:1.2rem;margin-top:2rem;border-bottom:1px solid #ccc}
.ms-rnn-report .scroll{overflow-x:auto;margin:1rem 0}
.ms-rnn-report table{border-collapse:collapse;font-size:.85rem;font-variant-numeric:tabular-nums}
.ms-rnn-report th,.ms-rnn-report td{padding:.25rem .75rem;text-align:right;vertical-align:top;border-bottom:1px solid #e4e4e4}
.ms-rnn-report th{border-bottom:1px solid #808080;white-space:nowrap}
.ms-rnn-report td{white-space:nowrap}
.ms-rnn-report th:first-child,.ms-rnn-report td:first-child{text-align:left}
.ms-rnn-report .warning{border-left:4px solid #b35900;background:#fff4e5;padding:.5rem 1rem}
.ms-rnn-report img{max-width:100%;height:auto}
`;

/** The document as one piece of HTML that needs nothing else: styles and pictures are in it. */
export function toHtml({ title, blocks }: Document): string {
  const body = [`<h1>${escapeHtml(title)}</h1>`, ...blocks.map(blockAsHtml)];
  return `<div class="ms-rnn-report"><style>${style}</style>\n${body.join("\n")}\n</div>`;
}

function blockAsHtml(block: Block): string {
  switch (block.kind) {
    case "heading":
      return `<h2>${escapeHtml(block.text)}</h2>`;
    case "text":
      return `<p>${escapeHtml(block.text)}</p>`;
    case "warning":
      return `<p class="warning"><strong>Warning:</strong> ${escapeHtml(block.text)}</p>`;
    case "list":
      return `<ul>\n${block.items.map((item) => `<li>${escapeHtml(item)}</li>`).join("\n")}\n</ul>`;
    case "table":
      return `<div class="scroll"><table><thead>${row("th", block.head)}</thead><tbody>\n${block.rows.map((cells) => row("td", cells)).join("\n")}\n</tbody></table></div>`;
    case "picture":
      return `<p><img alt="${escapeHtml(block.text)}" src="data:image/png;base64,${block.png.toString("base64")}"></p>`;
  }
}

const row = (tag: "th" | "td", cells: readonly string[]) =>
  `<tr>${cells.map((cell) => `<${tag}>${escapeHtml(cell)}</${tag}>`).join("")}</tr>`;

/** A whole page around `toHtml`, for a file. */
export const toPage = (document: Document): string =>
  `<!doctype html>\n<html lang="en">\n<head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">` +
  `<meta name="generator" content="ms-rnn report"><title>${escapeHtml(document.title)}</title></head>\n<body style="margin:0">\n${toHtml(document)}\n</body>\n</html>\n`;
