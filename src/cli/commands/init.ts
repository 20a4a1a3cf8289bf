import { mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { basename, dirname, join, relative, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { Argument, type Command, InvalidArgumentError, Option } from "commander";
import { CliError, messageOf } from "../cli-error.ts";
import { print } from "../output.ts";

/** Beside src and dist: what a new project begins with. */
const template = new URL("../../../template/", import.meta.url);

/** What a new project uses besides Holdfast: in the versions that the template is tested with. */
const uses = { dependencies: ["zod"], devDependencies: ["@types/node", "typescript", "vitest"] } as const;

interface OwnManifest {
  readonly version: string;
  readonly engines: { readonly node: string };
  readonly devDependencies: Readonly<Record<string, string>>;
}

interface InitOptions {
  readonly name?: string;
}

export function addInit(program: Command): void {
  program
    .command("init")
    .description("make a new project: an app with an entity, a subscription, a test")
    .addArgument(new Argument("[folder]", "new or empty").default(".", "this one"))
    .addOption(new Option("--name <name>", "of the package (default: the folder's)").argParser(checkedPackageName))
    .action(initProject);
}

async function initProject(folder: string, { name }: InitOptions): Promise<void> {
  const path = resolve(folder);
  const own = JSON.parse(readFileSync(new URL("../package.json", template), "utf8")) as OwnManifest;
  const files = projectFiles(name ?? nameAfter(path), own);
  refuseUsed(folder, path);
  for (const [file, text] of files) {
    try {
      mkdirSync(dirname(join(path, file)), { recursive: true });
      // Never over what somebody else has put there meanwhile.
      writeFileSync(join(path, file), text, { flag: "wx" });
    } catch (error) {
      throw new CliError(`${join(folder, file)} cannot be written: ${messageOf(error)}`);
    }
  }
  const enter = path === process.cwd() ? [] : [`  cd ${/^[\w./~-]+$/.test(folder) ? folder : JSON.stringify(folder)}`];
  const next = [...enter, "  npm install", "  npm test", "  npm start"];
  const made = files.map(([file]) => file).toSorted();
  await print(`Made ${made.join(", ")}.\n\nNext, as its README says:\n\n${next.join("\n")}`);
}

function checkedPackageName(name: string): string {
  const problem = problemOf(name);
  if (problem) throw new InvalidArgumentError(problem);
  return name;
}

function nameAfter(path: string): string {
  const name = basename(path);
  const problem = problemOf(name);
  if (problem) throw new CliError(`The folder's name "${name}" is no package's. ${problem} Name one with --name.`, 2);
  return name;
}

/** Source: https://docs.npmjs.com/cli/configuring-npm/package-json#name; npm installs nothing into a package of its name. */
function problemOf(name: string): string | undefined {
  if (!/^(?:@[a-z0-9][a-z0-9._-]*\/)?[a-z0-9][a-z0-9._-]*$/.test(name) || name.length > 214) {
    return "It must be lower-case letters, digits, dots, hyphens and underscores, 214 at most.";
  }
  const taken = ["holdfast", "node_modules", "favicon.ico", ...uses.dependencies, ...uses.devDependencies];
  return taken.includes(name) ? "It must be no name of a package that it uses." : undefined;
}

function refuseUsed(folder: string, path: string): void {
  let found: readonly string[];
  try {
    found = readdirSync(path);
  } catch (error) {
    // ENOENT: it will be made.
    if (error instanceof Error && "code" in error && error.code === "ENOENT") return;
    throw new CliError(`${folder} cannot be used: ${messageOf(error)}`, 2);
  }
  const used = found.filter((name) => name !== ".git");
  if (used.length > 0) {
    throw new CliError(`The folder ${folder} is not empty: it has ${used.slice(0, 5).join(", ")}. Name a new one.`, 2);
  }
}

/** Path to text, as it is written. */
function projectFiles(name: string, own: OwnManifest): readonly (readonly [file: string, text: string])[] {
  const files = readdirSync(template, { recursive: true, withFileTypes: true, encoding: "utf8" })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name))
    .toSorted();
  return [
    ["package.json", `${JSON.stringify(manifestOf(name, own), null, 2)}\n`],
    ...files.map((file) => {
      // npm leaves a .gitignore out of what it packs.
      const place = relative(fileURLToPath(template), file).replace(/^gitignore$/, ".gitignore");
      return [place, readFileSync(file, "utf8").replaceAll("{{name}}", name)] as const;
    }),
  ];
}

function manifestOf(name: string, { version, engines, devDependencies }: OwnManifest): object {
  const versions = (names: readonly string[]) => names.map((used) => [used, `^${devDependencies[used]}`] as const);
  return {
    name,
    version: "0.0.0",
    private: true,
    type: "module",
    engines,
    scripts: {
      // The flag is for Node before 22.18, which does not run TypeScript by itself; newer ones do not mind it.
      start: "node --experimental-strip-types --disable-warning=ExperimentalWarning functions/local.ts",
      dev: "holdfast dev",
      test: "vitest run",
      types: "tsc",
    },
    dependencies: Object.fromEntries([["holdfast", `^${version}`], ...versions(uses.dependencies)]),
    devDependencies: Object.fromEntries(versions(uses.devDependencies)),
  };
}
