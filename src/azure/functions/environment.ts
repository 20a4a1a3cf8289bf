import { HoldfastError } from "../../core/errors.ts";

/** What a place is reached by: its address, with the identity of whoever asks, or a connection string. */
export type Access = { readonly url: string } | { readonly connection: string };

/** The environment of the functions, checked. */
export interface Environment {
  readonly tables: Access;
  readonly table: string;
  /** `url`: the namespace's host name. */
  readonly serviceBus: Access;
  /** What the names of topic and queues begin with. */
  readonly prefix: string;
  readonly log: string;
}

/** The app setting that triggers name as their connection. The platform knows it by its suffixes, too. */
export const connectionName = "HOLDFAST_SERVICEBUS";

export type Variables = { readonly [name: string]: string | undefined };

/** Where something is: either of two variables has to be there, of that form. */
export interface Place {
  readonly holds: string;
  readonly url: readonly [variable: string, form: RegExp];
  readonly connection: readonly [variable: string, form: RegExp];
}

/** Source: the forms of both services' addresses and connection strings. */
export const places: { readonly tables: Place; readonly serviceBus: Place } = {
  tables: {
    holds: "the address of the storage account's tables, e.g. https://shop.table.core.windows.net",
    url: ["HOLDFAST_TABLE_URL", /^https:\/\/[\w.-]+(?:\/[\w.-]+)*\/?$/],
    connection: ["HOLDFAST_TABLE_CONNECTION", /(?:^|;)(?:TableEndpoint|AccountName|UseDevelopmentStorage)=/i],
  },
  serviceBus: {
    holds: "the host name of the Service Bus namespace, e.g. shop.servicebus.windows.net",
    url: [`${connectionName}__fullyQualifiedNamespace`, /^[\w.-]+$/],
    connection: [connectionName, /(?:^|;)Endpoint=sb:\/\//i],
  },
};

/** The name of a table. Source: learn.microsoft.com/rest/api/storageservices/understanding-the-table-service-data-model */
export const tableForm: RegExp = /^[A-Za-z][A-Za-z0-9]{2,62}$/;

/** What each of the others holds; all may be left out. */
const others = [
  ["HOLDFAST_TABLE", "the name of the journal's table", tableForm],
  [
    "HOLDFAST_PREFIX",
    "what the names of topic and queues begin with, up to 100 of A-Z, a-z, 0-9, _ . / -",
    /^[\w./-]{0,100}$/,
  ],
] as const;

/**
 * Reads the environment of the functions.
 * @throws HoldfastError `invalid-options` that names all variables which are missing or malformed, and what each holds;
 * never what a connection string says
 */
export function readEnvironment(env: Variables): Environment {
  const problems: string[] = [];

  function access({ holds, url, connection }: Place): Access {
    const [urlName, urlForm] = url;
    const [connectionVariable, connectionForm] = connection;
    const [address, text] = [env[urlName], env[connectionVariable]];
    if (address) {
      if (!urlForm.test(address)) problems.push(malformed(urlName, address, holds));
      return { url: address };
    }
    if (!text) {
      problems.push(
        `${urlName} is missing; it holds ${holds}. (${connectionVariable}, a connection string, would do.)`,
      );
    } else if (!connectionForm.test(text)) {
      problems.push(`${connectionVariable} is no connection string of that service.`);
    }
    return { connection: text ?? "" };
  }

  const tables = access(places.tables);
  const serviceBus = access(places.serviceBus);
  for (const [name, holds, form] of others) {
    const value = env[name];
    if (value && !form.test(value)) problems.push(malformed(name, value, holds));
  }
  if (problems.length > 0) {
    throw new HoldfastError("invalid-options", `The functions' environment is not complete. ${problems.join(" ")}`);
  }
  return {
    tables,
    table: env["HOLDFAST_TABLE"] || "journal",
    serviceBus,
    prefix: env["HOLDFAST_PREFIX"] ?? "",
    log: env["HOLDFAST_LOG"] || "info",
  };
}

function malformed(name: string, value: string, holds: string): string {
  return `${name} is ${JSON.stringify(value.slice(0, 200))}; it has to hold ${holds}.`;
}
