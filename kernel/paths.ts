import { homedir } from "node:os";
import { isAbsolute, join, resolve } from "node:path";

/** Root of the project: this file is compiled to dist/kernel/. */
export const projectRoot = resolve(__dirname, "..", "..");

/** A Jupyter data directory of this checkout alone, so that two checkouts never run each other's kernel. */
export const ownJupyterPath = join(projectRoot, "dist", "jupyter", "share", "jupyter");

/** The user's Jupyter data directory, by the rules of jupyter_core. */
export function userJupyterData(env: NodeJS.ProcessEnv = process.env, platform = process.platform): string {
  if (env.JUPYTER_DATA_DIR) return env.JUPYTER_DATA_DIR;
  const home = env.HOME || homedir();
  if (platform === "darwin") return join(home, "Library", "Jupyter");
  if (platform === "win32") return join(env.APPDATA || join(home, "AppData", "Roaming"), "jupyter");
  const xdg = env.XDG_DATA_HOME;
  return join(xdg && isAbsolute(xdg) ? xdg : join(home, ".local", "share"), "jupyter");
}

/** Environment in which Jupyter finds this checkout's kernel before any other of the same name. */
export function jupyterEnv(env: NodeJS.ProcessEnv = process.env): NodeJS.ProcessEnv {
  const path = env.JUPYTER_PATH ? `${ownJupyterPath}:${env.JUPYTER_PATH}` : ownJupyterPath;
  return { ...env, JUPYTER_PATH: path, PYTHONUNBUFFERED: "1" };
}
