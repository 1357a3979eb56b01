import { Command as Menu, defaultFilter } from "cmdk";
import { useMemo, useState } from "react";
import { openDialog, useApp } from "../state/store.ts";
import { useModal } from "../ui/modal.ts";
import { commandsNow, type Command } from "./commands.ts";
import { inOrder } from "./palette-order.ts";
import { keysOf } from "./shortcut-keys.ts";

/** Whether the letters that were typed stand in the command's words in that order: from 0 (they do not) to 1. */
function guess({ title, group, keywords }: Command, typed: string): number {
  return defaultFilter(title, typed, [group, ...keywords]);
}

/**
 * Lists everything that can be done, to be found by name: by groups until something is typed, and then what fits best first, each with the group that it
 * is in.
 */
export function Palette() {
  const { props, close } = useModal(() => openDialog("none"));
  // What is offered changes while the palette is open: the host answers, or a domain ends.
  const offered = useApp(() =>
    commandsNow()
      .map(({ id }) => id)
      .join(),
  );
  const commands = useMemo(commandsNow, [offered]);
  const [text, setText] = useState("");
  const [wanted, select] = useState<string>(commands[0]?.id ?? "");
  const isTyped = text.trim() !== "";
  const found = inOrder(commands, text, guess);
  const selected = found.some(({ id }) => id === wanted) ? wanted : (found[0]?.id ?? "");
  const groups = [...new Set(commands.map(({ group }) => group))];
  const type = (typed: string): void => {
    setText(typed);
    select(inOrder(commands, typed, guess)[0]?.id ?? "");
  };
  const run = (command: Command): void => {
    // The focus first returns to where it was, and then goes where the command leads.
    close();
    command.run();
  };
  const item = (command: Command) => (
    <Menu.Item key={command.id} value={command.id} onSelect={() => run(command)}>
      <span>{command.title}</span>
      {isTyped && <span className="palette-group">{command.group}</span>}
      {keysOf(command.id) && <kbd>{keysOf(command.id)}</kbd>}
    </Menu.Item>
  );
  return (
    <dialog
      {...props}
      className="dialog palette"
      aria-label="Commands"
      onClick={({ target }) => target === props.ref.current && close()}
    >
      <Menu label="Commands" loop shouldFilter={false} value={selected} onValueChange={select}>
        <Menu.Input placeholder="What do you want to do?" value={text} onValueChange={type} autoFocus />
        <Menu.List label="Commands">
          {found.length === 0 && <Menu.Empty>Nothing is called “{text}”.</Menu.Empty>}
          {isTyped
            ? found.map(item)
            : groups.map((group) => (
                <Menu.Group key={group} heading={group}>
                  {found.filter((command) => command.group === group).map(item)}
                </Menu.Group>
              ))}
        </Menu.List>
      </Menu>
    </dialog>
  );
}
