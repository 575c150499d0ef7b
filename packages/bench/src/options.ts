// The command line.

import { parseArgs } from "node:util";
import { BENCHMARKS, type Effort } from "./benchmark.js";
import { SUBJECTS, NAMED_SUBJECTS } from "./subject.js";

export interface Options {
  readonly rounds: number;
  readonly effort: Effort;
  readonly only: readonly string[] | undefined;
  readonly subjects: readonly string[] | undefined;
  readonly json: string | undefined;
  readonly from: string | undefined;
  readonly save: boolean;
  readonly docs: boolean;
  readonly pin: boolean;
  readonly source: boolean;
  readonly help: boolean;
}

const THOROUGH: Effort = { warmUpMs: 300, measureMs: 800, stallMs: 1000, connectionCount: 2000 };
const QUICK: Effort = { warmUpMs: 50, measureMs: 150, stallMs: 100, connectionCount: 100 };

export const HELP = `Measures Troupe beside others, in one run.

  npm run bench -- [options]

  --rounds N         how often everything is measured (5)
  --quick            one short round, to see that it works; its figures mean nothing
  --only NAMES       benchmarks, separated by commas:
                     ${BENCHMARKS.map(({ name }) => name).join(", ")}
  --subjects NAMES   subjects, separated by commas: ${Object.keys(SUBJECTS).join(", ")};
                     for one benchmark: ${Object.keys(NAMED_SUBJECTS).join(", ")};
                     for local benchmarks: ${localSubjects().join(", ")}
  --stall SECONDS    how long a consumer stands still (1)
  --json FILE        write the results
  --save             write the results to packages/bench/results, named by Node's major version and the date
  --docs             write the table and the chart into docs/, from the results
  --from FILE        measure nothing, take the results from this file
  --no-pin           do not bind the server and the client to one half of the processors each
  --source           run Troupe from its sources, for tests
  --help
`;

/** @throws Error with a sentence for the user. */
export function parseOptions(args: readonly string[]): Options {
  const { values } = parseArgs({
    args: [...args],
    options: {
      rounds: { type: "string" },
      quick: { type: "boolean", default: false },
      only: { type: "string" },
      subjects: { type: "string" },
      stall: { type: "string" },
      json: { type: "string" },
      from: { type: "string" },
      save: { type: "boolean", default: false },
      docs: { type: "boolean", default: false },
      "no-pin": { type: "boolean", default: false },
      source: { type: "boolean", default: false },
      help: { type: "boolean", default: false },
    },
  });
  const rounds = Number(values.rounds ?? (values.quick ? 1 : 5));
  if (!Number.isInteger(rounds) || rounds < 1) throw new Error("--rounds wants a whole number from 1 on");
  const effort = values.quick ? QUICK : THOROUGH;
  const stallMs = values.stall === undefined ? effort.stallMs : Number(values.stall) * 1000;
  if (!(stallMs > 0)) throw new Error("--stall wants a number of seconds");
  return {
    rounds,
    effort: { ...effort, stallMs },
    only: names(
      "--only",
      values.only,
      BENCHMARKS.map(({ name }) => name),
    ),
    subjects: names("--subjects", values.subjects, [
      ...Object.keys({ ...SUBJECTS, ...NAMED_SUBJECTS }),
      ...localSubjects(),
    ]),
    json: values.json,
    from: values.from,
    save: values.save,
    docs: values.docs,
    pin: !values["no-pin"],
    source: values.source,
    help: values.help,
  };
}

function names(option: string, list: string | undefined, known: readonly string[]): string[] | undefined {
  const given = list?.split(",").map((name) => name.trim());
  const stranger = given?.find((name) => !known.includes(name));
  if (stranger !== undefined) throw new Error(`${option} knows no ${stranger}, only ${known.join(", ")}`);
  return given;
}

function localSubjects(): string[] {
  const all = BENCHMARKS.flatMap((each) => (each.place === "local" ? Object.keys(each.subjects) : []));
  return [...new Set(all)].filter((name) => !(name in SUBJECTS));
}
