// The part of a page that is made from results: what stands between two markers, of which the first names the file
// that the results are kept in. The rest of the page is written by hand and left alone.

import type { Results } from "./results.js";
import { markdownTable } from "./table.js";

const START = /<!-- results: .*? -->/;
const END = "<!-- end of results -->";

/** Returns `page` with the results in it. @throws Error when the markers are missing. */
export function withResults(page: string, results: Results, file: string): string {
  const start = START.exec(page);
  const end = page.indexOf(END);
  if (start === null || end < start.index) throw new Error("the page has no place for results");
  const made = [`<!-- results: ${file} -->`, "", markdownTable(results), "", END].join("\n");
  return page.slice(0, start.index) + made + page.slice(end + END.length);
}
