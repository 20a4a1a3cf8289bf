import { made, quoted, reference, type Made } from "./arm.ts";
import type { Functions } from "./functions.ts";
import type { ServiceBus } from "./service-bus.ts";
import type { Storage } from "./storage.ts";

/** Built-in roles. Source: learn.microsoft.com/azure/role-based-access-control/built-in-roles */
export const roles = {
  /** The journal; and the host's own table, which it says in what is wrong with it. */
  storageTableDataContributor: "0a9a7e1f-b9d0-4cc4-a60d-0319b160aaa3",
  /** The functions' package, and the host's locks, for which it makes containers. */
  storageBlobDataOwner: "b7e6dc6d-f1e8-4753-8033-0f276bb0955b",
  serviceBusDataSender: "69a216fc-b8fb-44d8-bc22-1f3c2cd27a39",
  serviceBusDataReceiver: "4f6d3b9b-027b-4f4c-9142-0e5a2a2247e0",
  /** All that is logged, despite its name. */
  monitoringMetricsPublisher: "3913510d-42f4-4e42-8a64-420c390055eb",
} as const;

/** What the function app may do, by its own identity: of the account, the namespace and its log, and of nothing else. */
export function createRoles(
  { account }: Storage,
  { namespace }: ServiceBus,
  { site, insights }: Functions,
): readonly Made[] {
  const assigned: readonly [role: keyof typeof roles, on: Made][] = [
    ["storageTableDataContributor", account],
    ["storageBlobDataOwner", account],
    ["serviceBusDataSender", namespace],
    ["serviceBusDataReceiver", namespace],
    ["monitoringMetricsPublisher", insights],
  ];
  return assigned.map(([role, on]) =>
    made(
      "Microsoft.Authorization/roleAssignments",
      [`guid(${on.id}, ${site.id}, ${quoted(roles[role])})`],
      {
        scope: `[${on.id}]`,
        properties: {
          roleDefinitionId: `[subscriptionResourceId('Microsoft.Authorization/roleDefinitions', ${quoted(roles[role])})]`,
          principalId: `[${reference(site, "Full")}.identity.principalId]`,
          // Without it, an identity that is a second old is looked up where it is not known yet.
          principalType: "ServicePrincipal",
        },
      },
      [on, site],
    ),
  );
}
