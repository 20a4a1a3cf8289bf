/** What whoever deploys says. */
export const parameters = {
  location: {
    type: "string",
    defaultValue: "[resourceGroup().location]",
    metadata: { description: "The region of everything; one that has Flex Consumption." },
  },
  serviceBusSku: {
    type: "string",
    defaultValue: "Standard",
    allowedValues: ["Standard", "Premium"],
    metadata: {
      description: "Standard is paid by the operation, Premium by the hour. A namespace cannot be changed later.",
    },
  },
  messagingUnits: {
    type: "int",
    defaultValue: 1,
    allowedValues: [1, 2, 4, 8, 16],
    metadata: { description: "Of a Premium namespace." },
  },
  storageSku: {
    type: "string",
    defaultValue: "Standard_ZRS",
    allowedValues: ["Standard_LRS", "Standard_ZRS"],
    metadata: {
      description:
        "Of the account with the journal: copies in three zones, or in one. No copies in another region, which lag behind.",
    },
  },
  nodeVersion: {
    type: "string",
    defaultValue: "24",
    allowedValues: ["22", "24"],
    metadata: { description: "Of the functions. A region that does not have it makes an app that never starts." },
  },
  instanceMemoryMB: {
    type: "int",
    defaultValue: 2048,
    allowedValues: [512, 2048, 4096],
    metadata: { description: "Of each instance of the function app." },
  },
  maximumInstanceCount: {
    type: "int",
    defaultValue: 100,
    minValue: 40,
    maxValue: 1000,
    metadata: { description: "Instances that each kind of function may have." },
  },
  actionGroupId: {
    type: "string",
    defaultValue: "",
    metadata: { description: "Whom alerts tell: the id of an action group. Empty: they are there, and tell nobody." },
  },
} as const;
