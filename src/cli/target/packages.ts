import { CliError } from "../cli-error.ts";

/** A cloud's SDK, of which nobody has to install what another target needs. */
export interface Sdk {
  readonly target: string;
  readonly name: string;
  /** Tells its packages from others. */
  readonly scope: RegExp;
}

/** What `load` imports of it. @throws CliError where one of its packages is not installed, that names `packages` */
export async function loaded<T>(sdk: Sdk, packages: readonly string[], load: () => Promise<T>): Promise<T> {
  try {
    return await load();
  } catch (error) {
    const isAbsent = error instanceof Error && "code" in error && error.code === "ERR_MODULE_NOT_FOUND";
    if (!isAbsent || !sdk.scope.test(error.message)) throw error;
    const { target, name } = sdk;
    throw new CliError(`--target ${target} needs ${name}, which is not installed: npm i ${packages.join(" ")}`, 2);
  }
}
