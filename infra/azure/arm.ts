/** A resource as a template has it. */
export interface ArmResource {
  readonly type: string;
  readonly apiVersion: string;
  readonly name: string;
  readonly dependsOn?: readonly string[];
  readonly [property: string]: unknown;
}

/** A resource with the expression of its id, without brackets: `resourceId('Microsoft.Web/sites', variables('site'))`. */
export interface Made {
  readonly id: string;
  readonly resource: ArmResource;
}

/** The versions that properties were looked up in: Azure/bicep-types-az at 1f896de2, of 2026-08-20, `generated`. */
const apiVersions = {
  "Microsoft.Authorization/locks": "2020-05-01",
  "Microsoft.Authorization/roleAssignments": "2022-04-01",
  "Microsoft.Insights/components": "2020-02-02",
  "Microsoft.Insights/metricAlerts": "2018-03-01",
  "Microsoft.Insights/scheduledQueryRules": "2023-12-01",
  "Microsoft.OperationalInsights/workspaces": "2023-09-01",
  "Microsoft.ServiceBus/namespaces": "2024-01-01",
  "Microsoft.ServiceBus/namespaces/queues": "2024-01-01",
  "Microsoft.ServiceBus/namespaces/topics": "2024-01-01",
  "Microsoft.ServiceBus/namespaces/topics/subscriptions": "2024-01-01",
  "Microsoft.ServiceBus/namespaces/topics/subscriptions/rules": "2024-01-01",
  "Microsoft.Storage/storageAccounts": "2023-05-01",
  "Microsoft.Storage/storageAccounts/blobServices": "2023-05-01",
  "Microsoft.Storage/storageAccounts/blobServices/containers": "2023-05-01",
  "Microsoft.Storage/storageAccounts/tableServices": "2023-05-01",
  "Microsoft.Storage/storageAccounts/tableServices/tables": "2023-05-01",
  "Microsoft.Web/serverfarms": "2024-04-01",
  "Microsoft.Web/sites": "2024-04-01",
  "Microsoft.Web/sites/basicPublishingCredentialsPolicies": "2024-04-01",
} as const;

export type ArmType = keyof typeof apiVersions;

/**
 * A resource behind others.
 * @param names its own name behind those of its parents, each an expression without brackets: `variables('site')`, `'events'`
 * @param after what has to be there before it
 */
export function made(
  type: ArmType,
  names: readonly string[],
  body: Readonly<Record<string, unknown>>,
  after: readonly Made[] = [],
): Made {
  const name = names.length === 1 ? names.join("") : `concat(${names.join(", '/', ")})`;
  return {
    id: `resourceId('${type}', ${names.join(", ")})`,
    resource: {
      type,
      apiVersion: apiVersions[type],
      name: `[${name}]`,
      ...(after.length > 0 && { dependsOn: after.map(({ id }) => `[${id}]`) }),
      ...body,
    },
  };
}

/** What a resource says of itself when it is there; for its own properties or (`Full`) all of it. */
export function reference({ id, resource }: Made, full?: "Full"): string {
  return `reference(${id}, '${resource.apiVersion}'${full ? ", 'Full'" : ""})`;
}

/** A text of an expression. */
export function quoted(text: string): string {
  return `'${text.replaceAll("'", "''")}'`;
}

/** A text as a template's value: one that looks like an expression is none. */
export function literal(text: string): string {
  return text.startsWith("[") && text.endsWith("]") ? `[${text}` : text;
}

/** `PT1M`, as Azure writes a time of some seconds. */
export function duration(seconds: number): string {
  return seconds % 60 === 0 ? `PT${seconds / 60}M` : `PT${seconds}S`;
}

/** Where all that is made is. */
export const location = "[parameters('location')]";
