// What a page of Markdown consists of, as far as the rules want to know: code blocks, headings, links.

import { lineAt } from "./violation.js";

export interface CodeBlock {
  /** The words after the fence: the language first. */
  readonly info: readonly string[];
  readonly text: string;
  /** The line of the page on which the code begins. */
  readonly line: number;
}

export interface PageLink {
  readonly target: string;
  readonly line: number;
}

const FENCED = /^([ \t]*)(`{3,}|~{3,})([^\n]*)\n([^]*?)^[ \t]*\2[`~]*[ \t]*$/gm;

/** The fenced code blocks, in order. */
export function codeBlocks(page: string): CodeBlock[] {
  return [...page.matchAll(FENCED)].map(({ index, 1: indent = "", 3: info = "", 4: text = "" }) => ({
    info: info.trim().split(/\s+/),
    text: text.replaceAll(new RegExp(`^${indent}`, "gm"), ""),
    line: lineAt(page, index) + 1,
  }));
}

/** The targets of the links outside of code. */
export function links(page: string): PageLink[] {
  const prose = withoutCode(page);
  const inline = [...prose.matchAll(/\]\(\s*<?([^)\s>]+)>?[^)]*\)/g)];
  const defined = [...prose.matchAll(/^[ \t]*\[[^\]]+\]:\s*<?([^\s>]+)>?/gm)];
  return [...inline, ...defined].map(({ index, 1: target = "" }) => ({ target, line: lineAt(prose, index) }));
}

/** The anchors that headings and `<a id>` give, as GitHub forms them. */
export function anchors(page: string): Set<string> {
  const found = new Set<string>();
  for (const { 1: title = "" } of withoutCode(page, false).matchAll(/^#{1,6}[ \t]+(.+?)[ \t]*#*$/gm)) {
    const plain = title.replaceAll(/!?\[([^\]]*)\]\([^)]*\)/g, "$1").replaceAll(/[`*]/g, "");
    const slug = plain
      .toLowerCase()
      .replaceAll(/[^\p{L}\p{N}\s_-]/gu, "")
      .replaceAll(/\s/g, "-");
    let unique = slug;
    for (let times = 1; found.has(unique); times++) unique = `${slug}-${times}`;
    found.add(unique);
  }
  for (const { 1: id = "" } of page.matchAll(/<a (?:id|name)="([^"]+)"/g)) found.add(id);
  return found;
}

/** The page with its code made blank, so that lines keep their numbers. */
function withoutCode(page: string, inlineToo = true): string {
  const blank = (text: string) => text.replaceAll(/[^\n]/g, " ");
  const unfenced = page.replaceAll(FENCED, blank);
  return inlineToo ? unfenced.replaceAll(/(`+)(?!`)[^\n]*?[^`\n]\1(?!`)/g, blank) : unfenced;
}
