import { access, constants, mkdir, stat } from "node:fs/promises";
import { dirname } from "node:path";
import { HoldfastError, isHoldfastError } from "../../core/errors.ts";

/** Why the host cannot start, in one line that says what to do. */
function cannotStart(message: string, cause: unknown): HoldfastError {
  return new HoldfastError("cannot-start", message, { cause });
}

/** Node's error codes, in words. */
const fileProblems: { readonly [code: string]: string } = {
  EACCES: "cannot be written: permission denied. Make it writable",
  EPERM: "cannot be written: permission denied. Make it writable",
  EROFS: "cannot be written: the file system is read-only. Make it writable",
  ENOTDIR: "is not a folder. Remove what is there",
  EEXIST: "is not a folder. Remove what is there",
  ENOSPC: "cannot be written: the disk is full. Make room",
  EDQUOT: "cannot be written: the quota is used up. Make room",
};

/**
 * Makes the data folder, an absolute path, for its owner alone (0700), and those above it. One that is there keeps its
 * mode.
 * @throws HoldfastError `cannot-start`
 */
export async function makeDataFolder(data: string): Promise<void> {
  await makeFolder(data, 0o700).catch((error: unknown) => {
    throw fileError(`data folder ${data}`, error);
  });
}

/**
 * SQLite opens without a word what it may only read, and fails at the first write; so the system is asked before.
 * @throws HoldfastError `cannot-start`
 */
export async function checkWritable(database: string): Promise<void> {
  for (const file of [database, `${database}-wal`, `${database}-shm`]) {
    await access(file, constants.W_OK).catch((error: unknown) => {
      if (codeOf(error) !== "ENOENT") throw fileError(`file ${file}`, error);
    });
  }
}

/** Not `recursive: true`: where the file system denies that a parent exists, e.g. in /proc, Node tries for ever. */
async function makeFolder(path: string, mode?: number): Promise<void> {
  try {
    await mkdir(path, mode);
  } catch (error) {
    if (codeOf(error) === "EEXIST" && (await stat(path)).isDirectory()) return;
    if (codeOf(error) !== "ENOENT" || dirname(path) === path) throw error;
    await makeFolder(dirname(path));
    await mkdir(path, mode);
  }
}

function fileError(what: string, cause: unknown): HoldfastError {
  const problem = fileProblems[codeOf(cause)] ?? `cannot be used: ${messageOf(cause)}. Repair that`;
  return cannotStart(`The ${what} ${problem}${orElsewhere}`, cause);
}

const orElsewhere = ", or choose another folder with HOLDFAST_DATA=<folder>.";

/** What can be done on this machine about what the journal says of itself. */
const journalRemedies: { readonly [code: string]: string } = {
  "journal-unavailable": "Make it writable",
  "journal-full": "Make room on its disk",
  "journal-failed": "Make room on its disk, see that the file and its folder are writable",
};

export function databaseError(file: string, cause: unknown): HoldfastError {
  if (!isHoldfastError(cause)) return fileError(`file ${file}`, cause);
  const remedy = journalRemedies[cause.code];
  return remedy === undefined ? cause : cannotStart(`${cause.message} ${remedy}${orElsewhere}`, cause);
}

export function listenError(host: string, port: number, cause: unknown): HoldfastError {
  switch (codeOf(cause)) {
    case "EADDRINUSE":
      return cannotStart(
        `Port ${port} on ${host} is in use. Stop what listens there, or choose another port with PORT=<number> (0: any that is free).`,
        cause,
      );
    case "EACCES":
      return cannotStart(
        `Port ${port} is not allowed for this user. Choose one from 1024 on with PORT=<number>.`,
        cause,
      );
    case "EADDRNOTAVAIL":
    case "ENOTFOUND":
    case "EAI_AGAIN":
      return cannotStart(`This machine has no address "${host}". Use 127.0.0.1, or 0.0.0.0 for all.`, cause);
    default:
      return cannotStart(`Cannot listen on ${host}:${port}: ${messageOf(cause)}.`, cause);
  }
}

export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

function codeOf(error: unknown): string {
  const code: unknown = error instanceof Error && "code" in error ? error.code : undefined;
  return typeof code === "string" ? code : "";
}
