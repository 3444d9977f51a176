import assert from "node:assert/strict";
import { test } from "node:test";
import { type Block, toHtml, toMarkdown, toPage } from "#src/report/document";

const evil = '<script>a|b*c_d</script> "x" & [l](u)';
const blocks: Block[] = [
  { kind: "heading", text: evil },
  { kind: "text", text: "two\nlines" },
  { kind: "warning", text: evil },
  { kind: "list", items: ["one", evil] },
  { kind: "table", head: ["a|b", "n"], rows: [[evil, "1"]] },
  { kind: "picture", file: "a b.png", png: Buffer.from("png"), text: evil },
];
const document = { title: evil, blocks };

test("Markdown: nothing of a text is read as Markdown or HTML; pictures are files", () => {
  const text = toMarkdown(document);
  const safe = '\\<script\\>a\\|b\\*c\\_d\\</script\\> "x" \\& \\[l\\](u)';
  const lines = text.split("\n");
  assert.equal(lines[0], `# ${safe}`);
  assert.ok(lines.includes(`## ${safe}`) && lines.includes("two lines"));
  assert.ok(lines.includes(`> **Warning:** ${safe}`) && lines.includes(`* ${safe}`));
  assert.ok(lines.some((line) => line.startsWith("| a\\|b")) && lines.includes(`| ${safe} |   1 |`));
  assert.ok(lines.includes(`![${safe}](a%20b.png)`));
});

test("HTML: escaped, wide tables scroll, pictures are inside, a page has a viewport", () => {
  const html = toHtml(document);
  assert.ok(!html.includes("<script"));
  assert.match(html, /<div class="scroll"><table>/);
  assert.match(html, /\.scroll\{overflow-x:auto/);
  assert.match(html, new RegExp(`src="data:image/png;base64,${Buffer.from("png").toString("base64")}"`));
  assert.ok(!/(src|href)="(?!data:)/.test(html), "nothing from elsewhere");
  const page = toPage(document);
  assert.match(page, /^<!doctype html>[\s\S]*name="viewport"/);
  assert.ok(page.includes(html) && !page.includes("<script"));
});
