using System.Globalization;
using RpcNet.ClusterNode;

// usage: RpcNet.ClusterNode ID=ADDRESS[,ID=ADDRESS...] [SEED[,SEED...]]
// Reads commands from standard input, one a line: stats, starve SECONDS, flood ADDRESS SECONDS, stop. The end of the input stops too.
// Commands are handled on the main thread, so that a starved pool does not keep them waiting.
var seeds = args.Length > 1 ? args[1].Split(',', StringSplitOptions.RemoveEmptyEntries) : [];
var members = args[0].Split(',').Select(m => m.Split('=')).Select(m => new Member(m[0], m[1], seeds)).ToArray();
foreach (var member in members)
{
    member.StartAsync().GetAwaiter().GetResult();
}

while (Console.In.ReadLine() is { } line)
{
    var words = line.Split(' ');
    if (words[0] == "stop")
    {
        break;
    }

    switch (words[0])
    {
        case "stats":
            Metrics.Print();
            break;
        case "starve":
            Starvation.Run(Seconds(words[1]));
            break;
        case "flood":
            members[0].FloodAsync(words[1], Seconds(words[2])).GetAwaiter().GetResult();
            break;
        default:
            throw new InvalidOperationException($"'{line}' is no command.");
    }
}

foreach (var member in members)
{
    member.StopAsync().GetAwaiter().GetResult();
    member.DisposeAsync().AsTask().GetAwaiter().GetResult();
}

Output.Write("stopped");

static TimeSpan Seconds(string text) => TimeSpan.FromSeconds(double.Parse(text, CultureInfo.InvariantCulture));
