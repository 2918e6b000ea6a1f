import { type Command } from "commander";

/** Lines between which `docs/cli.md` holds what {@link commandReference} makes. */
export const REFERENCE_START = "<!-- reference: made from the code by test/cli/reference.test.ts -->";
export const REFERENCE_END = "<!-- end of reference -->";

/** Every command that does something, depth first, with its full name. */
export function leafCommands(command: Command, path = command.name()): { name: string; command: Command }[] {
  const children = command.commands.flatMap((child) => leafCommands(child, `${path} ${child.name()}`));
  // `import <bundle>` and `export --out` do something, and have commands below them.
  const isGroup =
    command.parent === null || command.registeredArguments.length + command.options.length === 0;
  const itself = children.length === 0 || !isGroup;
  return itself ? [{ name: path, command }, ...children] : children;
}

/** One section per command in Markdown: what it does, its usage, its arguments and options with their defaults. */
export function commandReference(program: Command): string {
  return leafCommands(program)
    .map(({ name, command }) => {
      const help = command.createHelp();
      const items = [
        ...help
          .visibleArguments(command)
          .map(
            (argument) =>
              `- \`${argument.required ? `<${argument.name()}>` : `[${argument.name()}]`}\`: ${argument.description}.`,
          ),
        ...help
          .visibleOptions(command)
          .filter((option) => option.long !== "--help")
          .map((option) => {
            const value = option.defaultValue as unknown;
            const hasDefault = value !== undefined && typeof value !== "boolean";
            const more = [
              option.argChoices === undefined
                ? ""
                : ` One of ${option.argChoices.map((choice) => `\`${choice}\``).join(", ")}.`,
              hasDefault
                ? ` Default \`${option.defaultValueDescription ?? JSON.stringify(value).replaceAll('"', "")}\`.`
                : "",
              option.envVar === undefined ? "" : ` Environment: \`${option.envVar}\`.`,
            ];
            return `- \`${option.flags}\`: ${option.description}.${more.join("")}`;
          }),
      ];
      const usage = `${name} ${command.usage()}`.trim();
      return [`## ${name}`, sentence(command.description()), `\`${usage}\``, items.join("\n")].join("\n\n");
    })
    .join("\n\n");
}

function sentence(text: string): string {
  return `${text.charAt(0).toUpperCase()}${text.slice(1)}${text.endsWith(".") ? "" : "."}`;
}
