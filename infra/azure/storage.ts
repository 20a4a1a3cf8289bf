import { location, made, type Made } from "./arm.ts";

/** The names that the functions' settings repeat. */
export const tableName = "journal";
export const containerName = "deployments";

export interface Storage {
  readonly account: Made;
  readonly container: Made;
  readonly all: readonly Made[];
}

/** The account with the journal's table and the functions' packages. It takes no keys, and cannot be deleted by mistake. */
export function createStorage(): Storage {
  const name = "variables('storage')";
  const account = made("Microsoft.Storage/storageAccounts", [name], {
    location,
    kind: "StorageV2",
    sku: { name: "[parameters('storageSku')]" },
    properties: {
      accessTier: "Hot",
      allowBlobPublicAccess: false,
      allowCrossTenantReplication: false,
      allowSharedKeyAccess: false,
      defaultToOAuthAuthentication: true,
      minimumTlsVersion: "TLS1_2",
      supportsHttpsTrafficOnly: true,
    },
  });
  const tables = made("Microsoft.Storage/storageAccounts/tableServices", [name, "'default'"], {}, [account]);
  const table = made(
    "Microsoft.Storage/storageAccounts/tableServices/tables",
    [name, "'default'", `'${tableName}'`],
    {},
    [tables],
  );
  const blobs = made("Microsoft.Storage/storageAccounts/blobServices", [name, "'default'"], {}, [account]);
  const container = made(
    "Microsoft.Storage/storageAccounts/blobServices/containers",
    [name, "'default'", `'${containerName}'`],
    { properties: { publicAccess: "None" } },
    [blobs],
  );
  const lock = made(
    "Microsoft.Authorization/locks",
    ["'journal'"],
    {
      scope: `[${account.id}]`,
      properties: {
        level: "CanNotDelete",
        notes: "It holds the journal. Remove the lock before you remove the account.",
      },
    },
    [table, container],
  );
  return { account, container, all: [account, tables, table, blobs, container, lock] };
}
