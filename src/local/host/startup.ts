import { mkdir, stat } from "node:fs/promises";
import { dirname, resolve } from "node:path";
import { HoldfastError, isHoldfastError } from "../../core/errors.ts";

/** Why the host cannot start, in one line that says what to do. */
function cannotStart(message: string, cause: unknown): HoldfastError {
  return new HoldfastError("cannot-start", message, { cause });
}

/** Node's error codes, in words. */
const folderProblems: { readonly [code: string]: string } = {
  EACCES: "cannot be written: permission denied. Make it writable",
  EPERM: "cannot be written: permission denied. Make it writable",
  EROFS: "cannot be written: the file system is read-only. Make it writable",
  ENOTDIR: "is not a folder. Remove what is there",
  EEXIST: "is not a folder. Remove what is there",
  ENOSPC: "cannot be written: the disk is full. Make room",
  EDQUOT: "cannot be written: the quota is used up. Make room",
};

/**
 * Makes the data folder and those above it.
 * @throws HoldfastError `cannot-start`
 */
export async function makeDataFolder(data: string): Promise<void> {
  await makeFolder(resolve(data)).catch((error: unknown) => {
    throw dataFolderError(data, error);
  });
}

/** Not `recursive: true`: where the file system denies that a parent exists, e.g. in /proc, Node tries for ever. */
async function makeFolder(path: string): Promise<void> {
  try {
    await mkdir(path);
  } catch (error) {
    if (codeOf(error) === "EEXIST" && (await stat(path)).isDirectory()) return;
    if (codeOf(error) !== "ENOENT" || dirname(path) === path) throw error;
    await makeFolder(dirname(path));
    await mkdir(path);
  }
}

function dataFolderError(data: string, cause: unknown): HoldfastError {
  const problem = folderProblems[codeOf(cause)] ?? `cannot be used: ${messageOf(cause)}. Repair that`;
  return cannotStart(`The data folder ${data} ${problem}, or choose another with HOLDFAST_DATA=<folder>.`, cause);
}

export function databaseError(file: string, cause: unknown): HoldfastError {
  // The journal's own errors say what is wrong; here is what can be done on this machine.
  if (isHoldfastError(cause) && cause.code !== "journal-unavailable") return cause;
  const problem = isHoldfastError(cause) ? cause.message : `${file} cannot be opened: ${messageOf(cause)}.`;
  return cannotStart(`${problem} Make it writable, or choose another folder with HOLDFAST_DATA=<folder>.`, cause);
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
