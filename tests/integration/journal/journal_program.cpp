// The journal and the events of a server, without the rest of it: journal_program CATALOG-CONNINFO, until SIGTERM. Its
// failpoints are the real ones.
#include <csignal>

#include "runtime/event_service.hpp"
#include "runtime/journal_service.hpp"

int main(int argc, char** argv) {
  using namespace bulkhead;
  if (argc != 2) return 2;
  sigset_t wanted;
  sigemptyset(&wanted);
  sigaddset(&wanted, SIGTERM);
  pthread_sigmask(SIG_BLOCK, &wanted, nullptr);
  const std::string conninfo = argv[1];
  const auto connect = [conninfo] { return pg::Blocking::connect(conninfo); };
  Logger log(LogLevel::warn);
  AppConfig config;
  config.name = "helpdesk";
  config.event_tables = {{"ticket", true, true, true}};
  config.event_timeout = std::chrono::seconds(1);
  runtime::EventServiceSettings events = runtime::event_service_settings(config, connect);
  events.pause = std::chrono::milliseconds(50);
  events.delivery.first_pause = std::chrono::milliseconds(20);
  events.delivery.turn = std::chrono::milliseconds(500);
  events.delivery.attempts = 1000;
  runtime::EventService service(std::move(events), log);
  runtime::JournalServiceSettings settings;
  settings.connect = connect;
  settings.pause = std::chrono::milliseconds(50);
  settings.uses.push_back(service.use());
  runtime::JournalService journals(std::move(settings), log);
  int signal = 0;
  sigwait(&wanted, &signal);
  service.stop();
  return journals.stop(std::chrono::seconds(10)) ? 0 : 1;
}
