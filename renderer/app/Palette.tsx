import { Command as Menu } from "cmdk";
import { useState } from "react";
import { openDialog } from "../state/store.ts";
import { useModal } from "../ui/modal.ts";
import { commandsNow, type Command } from "./commands.ts";
import { keysOf } from "./shortcut-keys.ts";

/** Lists everything that can be done, to be found by name. */
export function Palette() {
  const { props, close } = useModal(() => openDialog("none"));
  const [commands] = useState(commandsNow);
  const [text, setText] = useState("");
  const groups = [...new Set(commands.map(({ group }) => group))];
  const run = (command: Command): void => {
    // The focus first returns to where it was, and then goes where the command leads.
    close();
    command.run();
  };
  return (
    <dialog
      {...props}
      className="dialog palette"
      aria-label="Commands"
      onClick={({ target }) => target === props.ref.current && close()}
    >
      <Menu label="Commands" loop>
        <Menu.Input placeholder="What do you want to do?" value={text} onValueChange={setText} autoFocus />
        <Menu.List label="Commands">
          <Menu.Empty>Nothing is called “{text}”.</Menu.Empty>
          {groups.map((group) => (
            <Menu.Group key={group} heading={group}>
              {commands
                .filter((command) => command.group === group)
                .map((command) => (
                  <Menu.Item
                    key={command.id}
                    value={`${command.title} (${command.id})`}
                    keywords={[group, ...command.keywords]}
                    onSelect={() => run(command)}
                  >
                    <span>{command.title}</span>
                    {keysOf(command.id) && <kbd>{keysOf(command.id)}</kbd>}
                  </Menu.Item>
                ))}
            </Menu.Group>
          ))}
        </Menu.List>
      </Menu>
    </dialog>
  );
}
