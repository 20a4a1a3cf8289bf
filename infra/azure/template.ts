import { createAlerts } from "./alerts.ts";
import { reference, type ArmResource } from "./arm.ts";
import { createFunctions, hostOf, tableUrl } from "./functions.ts";
import { checkName, checkPrefix, type DeploymentOptions } from "./options.ts";
import { parameters } from "./parameters.ts";
import { createRoles } from "./roles.ts";
import { createServiceBus } from "./service-bus.ts";
import { createStorage, tableName } from "./storage.ts";

/** An ARM template. The same options make the same one, to the letter. */
export interface ArmTemplate {
  readonly $schema: string;
  readonly contentVersion: string;
  readonly metadata: { readonly description: string };
  readonly parameters: typeof parameters;
  readonly variables: Readonly<Record<string, string>>;
  readonly resources: readonly ArmResource[];
  readonly outputs: Readonly<Record<string, { readonly type: string; readonly value: string }>>;
}

/** Source: "Template limits", Azure subscription and service limits. */
const resourcesMax = 800;

/**
 * The template of a deployment, for a resource group.
 * @throws Error for a name that Azure would not take, and for an app that does not fit into one template
 */
export function createTemplate(options: DeploymentOptions): ArmTemplate {
  const { name, prefix = "" } = options;
  checkName(name);
  checkPrefix(prefix);
  const storage = createStorage();
  const bus = createServiceBus(options);
  const functions = createFunctions(options, storage, bus);
  const all = [
    ...storage.all,
    ...bus.all,
    ...functions.all,
    ...createRoles(storage, bus, functions),
    ...createAlerts(name, bus, functions),
  ];
  if (all.length > resourcesMax) {
    throw new Error(
      `The deployment has ${all.length} resources; a template may have ${resourcesMax}. Compare fewer values in filters, or split the app.`,
    );
  }
  return {
    $schema: "https://schema.management.azure.com/schemas/2019-04-01/deploymentTemplate.json#",
    contentVersion: "1.0.0.0",
    metadata: { description: `Holdfast: ${name}` },
    parameters,
    // Names that have to be unique in the world: the same for each deployment to the group.
    variables: {
      storage: `[concat('${name.replaceAll("-", "").slice(0, 11)}', uniqueString(resourceGroup().id))]`,
      namespace: `[concat('${name}-', uniqueString(resourceGroup().id))]`,
      site: `[concat('${name}-', uniqueString(resourceGroup().id))]`,
    },
    resources: all.map(({ resource }) => resource),
    outputs: {
      url: text(`[concat('https://', ${reference(functions.site)}.defaultHostName)]`),
      functionApp: text("[variables('site')]"),
      serviceBus: text(hostOf(bus.namespace)),
      tableUrl: text(tableUrl),
      table: text(tableName),
    },
  };
}

function text(value: string): { readonly type: string; readonly value: string } {
  return { type: "string", value };
}
