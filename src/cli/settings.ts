import { resolve } from "node:path";
import { readJson } from "../files";
import { experiment } from "../profiles";
import { type Experiment, requireSettingNames, type SettingName, settingNames, settingRules } from "../settings";
import { UserError } from "../types";

/** learningRate as learning-rate. */
export const optionOf = (name: string): string => name.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`);

/** An option for each setting. */
export const settingOptions = Object.fromEntries(
  settingNames.map((name) => [optionOf(name), { type: settingRules[name].flag ? "boolean" : "string" }]),
) as Record<string, { type: "string" | "boolean" }>;

/** Every setting as the command line takes it. */
export const settingUsage = settingNames
  .map((name) => `[--${optionOf(name)}${settingRules[name].flag ? "" : ` ${placeholder(name)}`}]`)
  .join(" ");

function placeholder(name: SettingName): string {
  const { expected } = settingRules[name];
  if (expected.includes(" or ")) return expected.replaceAll(" or ", "|");
  if (name === "loss") return "mse=1,mae=0";
  return /whole|odd/.test(expected) ? "N" : expected.includes("number") ? "R" : expected.slice(2).toUpperCase();
}

type Values = Readonly<Record<string, string | boolean | undefined>>;

/** The settings that were given as options, as they are in a config file. */
export function givenSettings(values: Values): Partial<Experiment> {
  const given = settingNames.flatMap((name) => {
    const value = values[optionOf(name)];
    return value === undefined ? [] : [[name, typeof value === "string" ? settingRules[name].read(value) : value]];
  });
  const settings = Object.fromEntries(given) as Partial<Experiment>;
  return typeof settings.data === "string" && settings.data !== ""
    ? { ...settings, data: resolve(settings.data) }
    : settings;
}

/** Settings of a JSON file, with the profile they change. Errors: not an object of settings. */
export function configFile(path: string): { profile?: string; settings: Partial<Experiment> } {
  const config = readJson(path, "config file");
  if (typeof config !== "object" || config === null || Array.isArray(config))
    throw new UserError(`${path}: expected an object of settings`);
  const { profile, ...settings } = config as { profile?: unknown };
  requireSettingNames(Object.keys(settings), [...settingNames, "profile"] as SettingName[]);
  if (profile !== undefined && typeof profile !== "string")
    throw new UserError(`${path}: profile is ${JSON.stringify(profile)}, expected a name`);
  return { profile, settings };
}

/** What all that was given means: the options over the file over the profile, which is the paper's protocol where none is named. */
export function chosenSettings(values: Values, config?: string): Experiment {
  const file = config === undefined ? undefined : configFile(config);
  const profile = (values.profile as string | undefined) ?? file?.profile ?? "paper";
  return experiment(profile, over(file?.settings ?? {}, givenSettings(values)));
}

/** Options over the file's settings; each way to say how long replaces the other. */
const over = (file: Partial<Experiment>, given: Partial<Experiment>): Partial<Experiment> => {
  const { epochs, iterations, ...rest } = file;
  const isLong = given.epochs !== undefined || given.iterations !== undefined;
  return { ...rest, ...(isLong ? {} : { epochs, iterations }), ...given };
};
