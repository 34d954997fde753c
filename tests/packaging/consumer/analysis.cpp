// A program that reads a run, without MPI.
#include <cstdio>
#include <ranklog/run_reader.hpp>

int main(int argc, char** argv) {
  if (argc != 2) return 2;
  const ranklog::RunReader run(argv[1]);
  const ranklog::Series loss = run.read("loss");
  std::printf("%zu rows, loss %g to %g\n", loss.value.size(), loss.min.at(0), loss.max.at(0));
  return loss.value.size() == 1 && loss.min.at(0) == 1.0 && loss.max.at(0) == 2.0 ? 0 : 1;
}
