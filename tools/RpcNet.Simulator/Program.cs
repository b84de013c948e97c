using RpcNet.Testing.Simulation;
var from = int.Parse(args[0]); var to = int.Parse(args[1]);
var bad = 0; long steps = 0;
var sw = System.Diagnostics.Stopwatch.StartNew();
for (var s = from; s <= to; s++) { var r = FaultSweep.Run(s); steps += r.Steps; if (r.Violations.Count > 0) { bad++; if (bad <= 12) Console.WriteLine(string.Join("\n", r.Violations.Take(3))); } }
Console.WriteLine($"{bad} bad of {to - from + 1}, {steps} steps, {sw.Elapsed}");
