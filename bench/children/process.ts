import { execFileSync, fork, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import { repository } from "../folder.ts";

/** A program of this folder that answers each message with one; its first argument is the folder for its data. */
export interface Child<Question, Answer> {
  ask(question: Question): Promise<Answer>;
  close(): Promise<void>;
}

/**
 * Starts `bench/children/<name>.ts` in a process of its own. The caller says what it asks and what is answered.
 * `bundled`: as one JavaScript file, as it would be deployed, so that TypeScript's loader is not what is measured.
 */
export function startChild<Question extends object, Answer>(
  name: string,
  folder: string,
  { bundled = false } = {},
): Child<Question, Answer> {
  const source = join(import.meta.dirname, `${name}.ts`);
  const program = bundled ? bundle(source, join(folder, `${name}.cjs`)) : source;
  const child: ChildProcess = fork(program, [folder], {
    // As `npm start` does: see docs/local.md, "Memory".
    execArgv: ["--max-semi-space-size=16", "--conditions=holdfast-source", ...profiling(name)],
    stdio: ["ignore", "ignore", "inherit", "ipc"],
  });
  const ended = once(child, "exit");
  return {
    async ask(question) {
      const answer = once(child, "message");
      child.send(question);
      const failed = ended.then(([code]) => {
        throw new Error(`${name} ended with exit code ${String(code)}.`);
      });
      const [message] = await Promise.race([answer, failed]);
      // What the child was written to answer.
      return message as Answer;
    },
    async close() {
      if (child.exitCode !== null) return;
      child.disconnect();
      await ended;
    },
  };
}

function bundle(source: string, outfile: string): string {
  const esbuild = join(repository, "node_modules", ".bin", "esbuild");
  const args = ["--bundle", "--platform=node", "--format=cjs", "--conditions=holdfast-source", "--log-level=error"];
  execFileSync(esbuild, [source, `--outfile=${outfile}`, ...args]);
  return outfile;
}

/** `BENCH_PROF=<folder>` writes a CPU profile of each child there. */
function profiling(name: string): readonly string[] {
  const folder = process.env["BENCH_PROF"];
  return folder ? ["--cpu-prof", `--cpu-prof-dir=${folder}`, `--cpu-prof-name=${name}-${Date.now()}.cpuprofile`] : [];
}
