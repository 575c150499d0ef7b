// What the demo shows: a line for each step, what is said meanwhile, and a table at the end. In colour on a terminal
// that wants it, and as plain text otherwise.

// `hasColors` knows NO_COLOR, FORCE_COLOR and dumb terminals.
const isColoured = process.stdout.isTTY && process.stdout.hasColors();

const paint = (code: number) => (text: string) => (isColoured ? `\u001b[${code}m${text}\u001b[0m` : text);
const bold = paint(1);
const dim = paint(2);
const red = paint(31);
const green = paint(32);
const speaker = { server: paint(35), client: paint(36), demo: paint(33) };

export type Speaker = keyof typeof speaker;

export interface Outcome {
  readonly title: string;
  /** What was seen; undefined if it was not. */
  readonly figure: string | undefined;
}

export function showTitle(): void {
  console.log(bold("\nTroupe: two processes, one TCP connection\n"));
}

export function showStep(step: number, of: number, title: string): void {
  console.log(`${dim(`[${step}/${of}]`)} ${bold(title)}`);
}

export function showNote(who: Speaker, line: string): void {
  console.log(`      ${speaker[who](who.padEnd(6))} ${dim("│")} ${line}`);
}

export function showProblem(problem: string): void {
  console.log(red(`      ${problem}`));
}

/** Returns whether everything was seen. */
export function showSummary(outcomes: readonly Outcome[], elapsedMs: number): boolean {
  const width = Math.max(...outcomes.map(({ title }) => title.length));
  console.log(bold("\nSeen:\n"));
  for (const { title, figure } of outcomes) {
    const mark = figure === undefined ? red("✗") : green("✓");
    console.log(`  ${mark} ${title.padEnd(width)}  ${figure ?? red("this did not happen")}`);
  }
  const seen = outcomes.filter(({ figure }) => figure !== undefined).length;
  const isComplete = seen === outcomes.length;
  const verdict = `${seen} of ${outcomes.length} steps in ${(elapsedMs / 1000).toFixed(1)} s`;
  console.log(`\n${isComplete ? green(verdict) : red(verdict)}\n`);
  return isComplete;
}
