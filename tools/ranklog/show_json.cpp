// `ranklog show --json`.
#include "ranklog/reduction.hpp"
#include "tools/ranklog/json_text.hpp"
#include "tools/ranklog/run_access.hpp"
#include "tools/ranklog/shown_run.hpp"

namespace ranklog::tool {
namespace {

Json worst_of(const MetricSummary& summary, const Provenance& provenance) {
  if (!summary.worst) return nullptr;
  return {{"rank", summary.worst->rank},
          {"host", host_of(provenance, summary.worst->rank)},
          {"n_rows_held", summary.worst->n_rows_held},
          {"n_rows_compared", summary.worst->n_rows_compared}};
}

Json metric_to_json(const ShownMetric& metric, const Provenance& provenance) {
  const MetricSummary& summary = metric.summary;
  const SeriesInfo& info = summary.info;
  Json object{
      {"key", info.key},   {"kind", to_string(info.kind)}, {"reduction", to_string(info.reduction)},
      {"unit", info.unit}, {"long_name", info.long_name},  {"n_rows", info.n_rows}};
  if (!metric.error.empty()) {
    object["error"] = metric.error;
    return object;
  }
  object["last_step"] = to_json(summary.last_step);
  if (info.kind == Kind::text) {
    object["last"] = summary.last_text;
    return object;
  }
  object["last"] = summary.last_integer ? Json(*summary.last_integer) : to_json(summary.last);
  object["mean"] = to_json(summary.mean);
  object["min"] = to_json(summary.min);
  object["max"] = to_json(summary.max);
  object["worst_rank"] = worst_of(summary, provenance);
  object["n_nan_rows"] = summary.n_nan_rows;
  object["first_nan_step"] = to_json(summary.first_nan_step);
  object["first_nan_rank"] = to_json(summary.first_nan_rank);
  return object;
}

}  // namespace

std::string show_as_json(const ShownRun& run, const ShowOptions& options) {
  Json document{{"schema", json_schema},
                {"path", run.path},
                {"project", run.info.project},
                {"run_name", run.info.run_name},
                {"run_id", run.info.run_id},
                {"status", run.info.status},
                {"quiet_s", to_json(run.quiet_s)},
                {"created", run.info.created},
                {"duration_s", to_json(run.info.duration_s)},
                {"n_ranks", run.info.n_ranks},
                {"hosts", hosts_of(run.provenance)},
                {"last_step", to_json(run.info.last_step)},
                {"library_version", run.info.library_version}};
  if (!options.no_config) document["config"] = to_json(run.config);
  document["metrics"] = Json::array();
  for (const ShownMetric& metric : run.metrics) {
    document["metrics"].push_back(metric_to_json(metric, run.provenance));
  }
  return to_text(document);
}

}  // namespace ranklog::tool
