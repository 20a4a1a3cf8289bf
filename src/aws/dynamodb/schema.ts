/** What the keys of the table have to be, for messages. */
export const keySchemaText = "with the partition key pk and the sort key sk, both strings (tableInput has it)";
