#include <algorithm>
#include <map>
#include <memory>
#include <vector>

#include "../core/call.h"
#include "../core/later.h"
#include "../core/recording.h"
#include "families.h"

namespace ms {
namespace {

/** What was recorded, kept for comparisons, and what planning made of it. */
struct Entry {
  std::shared_ptr<Program> recorded, planned;
};
using Programs = std::map<std::uint32_t, Entry>;
Programs& programs = *new Programs;
std::uint32_t nextProgram = 1;

Programs::iterator find(Call& call, const char* name = "program") {
  const auto found = programs.find(static_cast<std::uint32_t>(call.count(name, 0, 0xffffffff)));
  if (found == programs.end()) call.refuse("no such %s", name);
  return found;
}

/** recordBegin(): from now on commands are written down instead of run, and new buffers have no memory. */
napi_value begin(Call& call) {
  beginRecording();
  return nothing(call.env());
}

/** recordInput(floats) -> buffer that is given anew at each run; inputs are numbered in the order of these calls. */
napi_value input(Call& call) {
  return toNumber(call.env(), recordInput(call.count("floats")).id);
}

/** recordLabel(name): the operation that queues the commands that follow. */
napi_value label(Call& call) {
  recordLabel(call.text("name"));
  return nothing(call.env());
}

/** recordTime(step), recordLayer(layer): where in the network the commands that follow belong; -1 for nowhere. */
napi_value setTime(Call& call) {
  recordTime(static_cast<std::int32_t>(std::max<std::int64_t>(-1, std::min<std::int64_t>(call.integer("step"), 1 << 20))));
  return nothing(call.env());
}
napi_value setLayer(Call& call) {
  recordLayer(static_cast<std::int32_t>(std::max<std::int64_t>(-1, std::min<std::int64_t>(call.integer("layer"), 1 << 20))));
  return nothing(call.env());
}

/** recordEnd(outputs: buffers) -> program. The recording's buffers may be released before or after. */
napi_value end(Call& call) {
  const std::shared_ptr<Program> program = endRecording(call.buffers("outputs"));
  const std::uint32_t id = nextProgram++;
  programs[id] = {program, nullptr};
  return toNumber(call.env(), id);
}

/** recordAbandon(): ends a recording without a program; nothing where none is open. */
napi_value abandon(Call& call) {
  abandonRecording();
  return nothing(call.env());
}

/** programDifference(program, other) -> what differs between two recordings, or "". */
napi_value differ(Call& call) {
  const std::shared_ptr<Program> one = find(call)->second.recorded;
  const std::shared_ptr<Program> other = find(call, "other program")->second.recorded;
  const std::string text = difference(*one, *other);
  napi_value result;
  napi_create_string_utf8(call.env(), text.c_str(), text.size(), &result);
  return result;
}

/**
 * programPlan(program, rematerialize, donated) -> {memoryBytes, commands}; needed once before it runs. The first `donated` outputs
 * are written over the inputs of the same number at the end of a run.
 */
napi_value planOnce(Call& call) {
  Entry& entry = find(call)->second;
  const bool rematerialize = call.flag("rematerialize");
  const std::size_t donated = call.count("donated", 0);
  if (entry.planned) call.refuse("the program is planned already");
  const std::shared_ptr<Program> program = std::make_shared<Program>(*entry.recorded);
  if (donated > std::min(program->inputs.size(), program->outputs.size())) {
    call.refuse("%zu donated, of %zu inputs and %zu outputs", donated, program->inputs.size(), program->outputs.size());
  }
  for (std::size_t i = 0; i < donated; i++) {
    const std::size_t in = program->values[program->inputs[i]].floats, out = program->values[program->outputs[i]].floats;
    if (in != out) call.refuse("donated input %zu has %zu floats, its output %zu", i, in, out);
  }
  program->donated = donated;
  plan(*program, rematerialize);
  entry.planned = program;
  napi_value result;
  napi_create_object(call.env(), &result);
  napi_set_named_property(call.env(), result, "memoryBytes",
                          toNumber(call.env(), static_cast<double>(program->memoryFloats * sizeof(float))));
  napi_set_named_property(call.env(), result, "commands",
                          toNumber(call.env(), static_cast<double>(program->commands.size())));
  return result;
}

struct Operands {
  std::shared_ptr<Program> program;
  std::vector<Buffer> inputs, outputs;
};

Operands operandsOf(Call& call) {
  const std::shared_ptr<Program> planned = find(call)->second.planned;
  const Operands given{planned, call.buffers("inputs"), call.buffers("outputs")};
  if (!planned) call.refuse("the program is not planned");
  const Program& program = *planned;
  if (given.inputs.size() != program.inputs.size()) call.refuse("%zu inputs, expected %zu", given.inputs.size(), program.inputs.size());
  const std::size_t outputs = program.outputs.size() - program.donated;
  if (given.outputs.size() != outputs) call.refuse("%zu outputs, expected %zu", given.outputs.size(), outputs);
  for (std::size_t i = 0; i < given.inputs.size(); i++) call.need(given.inputs[i], program.values[program.inputs[i]].floats, "an input");
  for (std::size_t i = 0; i < given.outputs.size(); i++) {
    call.need(given.outputs[i], program.values[program.outputs[program.donated + i]].floats, "an output");
    for (const Buffer& other : given.inputs) {
      if (other.id == given.outputs[i].id) call.refuse("output %zu is an input as well", i);
    }
  }
  return given;
}

/**
 * programRun(program, inputs, outputs) -> Promise<"done" | "cancelled" | "refused">. Inputs are never changed but for donated ones
 * of a run that is done; refused: an output has numbers that are not finite, and donated inputs stayed as they were.
 */
napi_value run(Call& call) {
  const Operands given = operandsOf(call);
  const std::shared_ptr<Program> program = given.program;
  program->cancelled->store(false);
  for (std::size_t i = 0; i < program->donated; i++) {
    for (std::size_t j = 0; j < given.inputs.size(); j++) {
      if (j != i && given.inputs[j].id == given.inputs[i].id) call.refuse("donated input %zu is input %zu as well", i, j);
    }
  }
  const auto ending = std::make_shared<Ending>(Ending::cancelled);
  const std::size_t inputs = given.inputs.size();
  return later(
      call.env(), given.inputs, given.outputs,
      [program, ending, inputs](float* const* at) { *ending = execute(*program, at, at + inputs); },
      [ending](napi_env env) {
        const char* text = *ending == Ending::done ? "done" : *ending == Ending::refused ? "refused" : "cancelled";
        napi_value result;
        napi_create_string_utf8(env, text, NAPI_AUTO_LENGTH, &result);
        return result;
      });
}

/** programProfile(program, inputs, outputs) -> Promise<[operation, time step, layer, seconds][]>, one entry a command. */
napi_value profileRun(Call& call) {
  const Operands given = operandsOf(call);
  const std::shared_ptr<Program> program = given.program;
  program->cancelled->store(false);
  const auto seconds = std::make_shared<std::vector<double>>();
  const std::size_t inputs = given.inputs.size();
  return later(
      call.env(), given.inputs, given.outputs,
      [program, seconds, inputs](float* const* at) { *seconds = profile(*program, at, at + inputs); },
      [program, seconds](napi_env env) {
        napi_value list;
        napi_create_array_with_length(env, seconds->size(), &list);
        for (std::size_t i = 0; i < seconds->size(); i++) {
          const Program::Command& command = program->commands[i];
          napi_value entry, name;
          napi_create_array_with_length(env, 4, &entry);
          napi_create_string_utf8(env, program->labels[command.label].c_str(), NAPI_AUTO_LENGTH, &name);
          napi_set_element(env, entry, 0, name);
          napi_set_element(env, entry, 1, toNumber(env, command.time));
          napi_set_element(env, entry, 2, toNumber(env, command.layer));
          napi_set_element(env, entry, 3, toNumber(env, (*seconds)[i]));
          napi_set_element(env, list, static_cast<std::uint32_t>(i), entry);
        }
        return list;
      });
}

/** programCancel(program): a run that is under way stops before its next command. */
napi_value cancel(Call& call) {
  const Entry& entry = find(call)->second;
  if (entry.planned) entry.planned->cancelled->store(true);
  return nothing(call.env());
}

/** programDrop(program): runs that were asked for before still happen. */
napi_value drop(Call& call) {
  const auto found = find(call);
  for (const Buffer& buffer : found->second.recorded->captured) unpin(buffer.id);
  programs.erase(found);
  return nothing(call.env());
}

}  // namespace

void defineProgram(napi_env env, napi_value exports) {
  define(env, exports, "recordBegin", begin);
  define(env, exports, "recordInput", input);
  define(env, exports, "recordLabel", label);
  define(env, exports, "recordTime", setTime);
  define(env, exports, "recordLayer", setLayer);
  define(env, exports, "recordEnd", end);
  define(env, exports, "recordAbandon", abandon);
  define(env, exports, "programDifference", differ);
  define(env, exports, "programPlan", planOnce);
  define(env, exports, "programRun", run);
  define(env, exports, "programProfile", profileRun);
  define(env, exports, "programCancel", cancel);
  define(env, exports, "programDrop", drop);
}

}  // namespace ms
