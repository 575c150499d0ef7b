import { posix } from "node:path";
import { describe, expect, it } from "vitest";
import { anchors, codeBlocks, links } from "../src/markdown.js";
import { isInRepository, type RepositoryFile, repositoryFiles } from "../src/repository.js";
import { isIgnored, isTypeScript, snippetViolations } from "../src/snippets.js";
import { expectNone, type Violation } from "../src/violation.js";

const FRAGMENTS_MAX = 6;
const PAGES_EXPECTED = ["README.md", "ARCHITECTURE.md", "CONTRIBUTING.md", "CHANGELOG.md"];

const files = repositoryFiles();
const pages = files.filter(({ path }) => path.endsWith(".md"));

describe("documentation", () => {
  it.each(PAGES_EXPECTED)("%s is there", (path) => expect(isInRepository(path)).toBe(true));

  it("every TypeScript block compiles", () => expectNone(snippetViolations(pages)));

  it(`at most ${FRAGMENTS_MAX} blocks are fragments that are not compiled`, () => {
    const fragments = pages.flatMap(({ path, text }) =>
      codeBlocks(text)
        .filter((block) => isTypeScript(block) && isIgnored(block))
        .map(({ line }) => ({ path, line, message: "ts ignore" })),
    );
    if (fragments.length > FRAGMENTS_MAX) expectNone(fragments);
  });

  it("every relative link leads to a file, and to a heading of it", () => expectNone(pages.flatMap(brokenLinks)));

  it("finds a mistake in a block, at its line of the page", () => {
    const page = (text: string): RepositoryFile => ({ path: "docs/a.md", text });
    const block = (code: string) => `Text.\n\n\`\`\`ts\n${code}\n\`\`\`\n\n`;
    expect(snippetViolations([page(block("const n: number = 1;") + block("const s: string = n;"))])).toEqual([
      { path: "docs/a.md", line: 10, message: expect.stringContaining("TS2322") as string },
    ]);
    expect(snippetViolations([page(block('import { nothing } from "@troupe/nowhere";'))])).toHaveLength(1);
    expectNone(
      snippetViolations([
        page(
          block("// file: one.ts\nexport const one = 1;") +
            block('// file: two.ts\nimport { one } from "./one.js";\none.toFixed();') +
            block('import { one } from "./one.js";\nawait Promise.resolve(one);'),
        ),
      ]),
    );
  });

  it("finds a link to a file or a heading that is not there", () => {
    const text =
      "# Here and `there`\n[a](nowhere.md) [b](#here-and-there) [c](#elsewhere) [d](https://example.org/x)\n";
    expect(brokenLinks({ path: "a.md", text }).map(({ line }) => line)).toEqual([2, 2]);
  });
});

function brokenLinks({ path, text }: RepositoryFile): Violation[] {
  return links(text).flatMap(({ target, line }) => {
    if (/^[a-z][a-z0-9+.-]*:/i.test(target)) return [];
    const [file = "", anchor] = target.split("#");
    const to = file === "" ? path : posix.join(posix.dirname(path), decodeURIComponent(file));
    if (file !== "" && !isInRepository(to)) return [{ path, line, message: `no file ${target}` }];
    if (anchor === undefined || !to.endsWith(".md")) return [];
    const there = to === path ? text : files.find((other) => other.path === to)?.text;
    return there !== undefined && anchors(there).has(anchor) ? [] : [{ path, line, message: `no heading ${target}` }];
  });
}
