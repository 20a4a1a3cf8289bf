import { literal, location, made, reference, type Made } from "./arm.ts";
import type { DeploymentOptions } from "./options.ts";
import type { ServiceBus } from "./service-bus.ts";
import { containerName, tableName, type Storage } from "./storage.ts";

export interface Functions {
  readonly site: Made;
  readonly insights: Made;
  readonly all: readonly Made[];
}

/** The connection of the functions' triggers. */
const connection = "HOLDFAST_SERVICEBUS";

/** The function app, on a plan that costs nothing while nothing happens, with what it logs to. */
export function createFunctions(options: DeploymentOptions, storage: Storage, { namespace }: ServiceBus): Functions {
  const name = "variables('site')";
  const workspace = made("Microsoft.OperationalInsights/workspaces", [name], {
    location,
    properties: { sku: { name: "PerGB2018" }, retentionInDays: 30 },
  });
  const insights = made(
    "Microsoft.Insights/components",
    [name],
    {
      location,
      kind: "web",
      properties: {
        Application_Type: "web",
        // So that the connection string says where, and lets nobody in.
        DisableLocalAuth: true,
        WorkspaceResourceId: `[${workspace.id}]`,
      },
    },
    [workspace],
  );
  const plan = made("Microsoft.Web/serverfarms", [name], {
    location,
    kind: "functionapp",
    sku: { name: "FC1", tier: "FlexConsumption" },
    properties: { reserved: true },
  });
  const site = made(
    "Microsoft.Web/sites",
    [name],
    {
      location,
      kind: "functionapp,linux",
      identity: { type: "SystemAssigned" },
      properties: {
        serverFarmId: `[${plan.id}]`,
        httpsOnly: true,
        functionAppConfig: {
          deployment: {
            storage: {
              type: "blobContainer",
              value: `[concat(${reference(storage.account)}.primaryEndpoints.blob, '${containerName}')]`,
              authentication: { type: "SystemAssignedIdentity" },
            },
          },
          runtime: { name: "node", version: "[parameters('nodeVersion')]" },
          scaleAndConcurrency: {
            instanceMemoryMB: "[parameters('instanceMemoryMB')]",
            maximumInstanceCount: "[parameters('maximumInstanceCount')]",
          },
        },
        siteConfig: { minTlsVersion: "1.2", appSettings: settingsOf(options, namespace, insights) },
      },
    },
    [plan, storage.account, storage.container, namespace, insights],
  );
  // Code comes with an identity, never with a password.
  const policies = ["ftp", "scm"].map((way) =>
    made(
      "Microsoft.Web/sites/basicPublishingCredentialsPolicies",
      [name, `'${way}'`],
      { properties: { allow: false } },
      [site],
    ),
  );
  return { site, insights, all: [workspace, insights, plan, site, ...policies] };
}

/** Sorted by name. None of them is a secret. */
function settingsOf(
  { prefix = "", environment = {} }: DeploymentOptions,
  namespace: Made,
  insights: Made,
): readonly { readonly name: string; readonly value: string }[] {
  const settings = {
    ...Object.fromEntries(Object.entries(environment).map(([name, value]) => [name, literal(value)])),
    APPLICATIONINSIGHTS_AUTHENTICATION_STRING: "Authorization=AAD",
    APPLICATIONINSIGHTS_CONNECTION_STRING: `[${reference(insights)}.ConnectionString]`,
    AzureWebJobsStorage__accountName: "[variables('storage')]",
    HOLDFAST_TABLE: tableName,
    HOLDFAST_TABLE_URL: tableUrl,
    [`${connection}__fullyQualifiedNamespace`]: hostOf(namespace),
    ...(prefix !== "" && { HOLDFAST_PREFIX: prefix }),
  };
  return Object.entries(settings)
    .map(([name, value]) => ({ name, value }))
    .toSorted((a, b) => (a.name < b.name ? -1 : 1));
}

/** The address of the account's tables, without a slash at the end. */
export const tableUrl = "[concat('https://', variables('storage'), '.table.', environment().suffixes.storage)]";

/** `shop-abc.servicebus.windows.net`: of each cloud its own, which only the namespace itself tells. */
export function hostOf(namespace: Made): string {
  return `[replace(replace(${reference(namespace)}.serviceBusEndpoint, 'https://', ''), ':443/', '')]`;
}
