// Rules that need nothing but names and text: how files are called, how long they are, and what must not be in them.

import { isCode, isTest, type RepositoryFile } from "./repository.js";
import { lineAt, type Violation, violationsOf } from "./violation.js";

export const SOURCE_LINES_MAX = 400;

const VAGUE = new Set(["util", "utils", "helper", "helpers", "common", "type", "types", "manager", "impl", "misc"]);
const FILE_NAME = /^[a-z0-9]+(?:-[a-z0-9]+)*(?:\.(?:test|test-d|config|d))?\.(?:ts|mts|js|mjs)$/;

// Put together from parts, so that this file does not break its own rules.
const UNFINISHED = new RegExp(String.raw`\b(?:TO${"DO"}|FIX${"ME"}|for ${"now"})\b`, "g");
const LEFT_OUT = new RegExp(
  String.raw`\b(?:describe|suite|test|it|bench)(?:\.\w+)*\.(?:sk${"ip"}|on${"ly"}|to${"do"})\b`,
  "g",
);
const MACHINE_PATH = new RegExp(String.raw`(?<![\w.:/-])/(?:wo${"rk"}|tm${"p"}|ro${"ot"}|ho${"me"}|Us${"ers"})/`, "g");
const REGISTRY = /\bregistry\.[a-z0-9-]+(?:\.[a-z0-9-]+)*\.[a-z]{2,}\b|"resolved": "https?:[^"]*"/g;

/** Files that are not kebab-case, or are named for nothing in particular. */
export function nameViolations(files: readonly RepositoryFile[]): Violation[] {
  return files.filter(isCode).flatMap(({ path }) => {
    const name = path.slice(path.lastIndexOf("/") + 1);
    if (!FILE_NAME.test(name)) return [{ path, line: 1, message: "a file name is kebab-case" }];
    const vague = path.split(/[/.-]/).find((word) => VAGUE.has(word));
    return vague === undefined ? [] : [{ path, line: 1, message: `"${vague}" says nothing: name it for what it is` }];
  });
}

export function lengthViolations(files: readonly RepositoryFile[]): Violation[] {
  return files
    .filter((file) => isCode(file) && !isTest(file))
    .flatMap(({ path, text }) => {
      const lines = lineAt(text, text.length);
      if (lines <= SOURCE_LINES_MAX) return [];
      return [{ path, line: lines, message: `${lines} lines; ${SOURCE_LINES_MAX} are allowed` }];
    });
}

/** Work that was left for later. */
export function unfinishedViolations(files: readonly RepositoryFile[]): Violation[] {
  return files.filter(isCode).flatMap((file) => violationsOf(file, UNFINISHED, "finish it, or leave it out"));
}

/** Tests that do not run, or keep others from running. */
export function leftOutViolations(files: readonly RepositoryFile[]): Violation[] {
  return files.filter(isTest).flatMap((file) => violationsOf(file, LEFT_OUT, "every test runs"));
}

/** Traces of one machine: its folders, and where it gets its packages from. */
export function machineTraceViolations(files: readonly RepositoryFile[]): Violation[] {
  return files.flatMap((file) => [
    ...violationsOf(file, MACHINE_PATH, "a path of one machine"),
    ...violationsOf(file, REGISTRY, "a registry"),
  ]);
}
