import type { Instance } from "../instance.ts";
import { readyBox } from "./box.ts";
import { displayOn } from "./display.ts";
import { launch, StartFailed, supervisorLog } from "./launch.ts";
import type { Message } from "./messages.ts";
import { findRun } from "./running.ts";
import { sandboxStatus } from "./status.ts";

/** `npm start`: shows the start's progress, then stays until Ctrl-C, or returns with `detach`. Resolves with the exit code. */
export async function startCommand(instance: Instance, options: { detach: boolean; demo: boolean }): Promise<number> {
  if (findRun(instance)?.phase === "ready") {
    console.log("The sandbox is already running.");
    console.log(readyBox(await sandboxStatus(instance), { foreground: false }));
    return 0;
  }
  const display = displayOn(process.stdout);
  const show = (message: Message) => {
    if (message.kind === "step") display.show(message.event);
    if (message.kind === "part-ended")
      display.say(`! ${message.name}: ${message.how}, and not started again. See ${message.log}`);
  };
  const supervisor = launch(
    instance,
    {
      instance: instance.name,
      demo: options.demo,
      attached: !options.detach,
      temporary: false,
      withoutPlatform: false,
      withoutServer: false,
      serverSettings: {},
    },
    show,
  );
  // Ctrl-C comes from the terminal and once more from npm: the second is no news. The supervisor heeds only the first.
  let stopping = false;
  for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) {
    process.on(signal, () => {
      if (!stopping) display.say("Stopping…");
      stopping = true;
      supervisor.stop();
    });
  }
  try {
    const status = await supervisor.ready;
    display.say(readyBox(status, { foreground: !options.detach }));
    if (options.detach) {
      supervisor.detach();
      return 0;
    }
    return await supervisor.ended;
  } catch (error) {
    if (!(error instanceof StartFailed)) throw error;
    display.close();
    console.error(`${error.message}\nThe whole story: ${supervisorLog(instance)}`);
    return 1;
  } finally {
    display.close();
  }
}
