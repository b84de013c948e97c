using System.Globalization;

namespace RpcNet.FailoverBench;

/// <summary>The command line is wrong; the message says how.</summary>
internal sealed class UsageException(string message) : Exception(message);

/// <summary>What the command line asks for.</summary>
internal sealed record Settings
{
    public const string Usage = """
        usage: RpcNet.FailoverBench kills|rolling|outage [options]

          kills      a worker process is killed with SIGKILL every --every seconds and started again
          rolling    every worker in turn is told to stop (SIGTERM), drains, and is started again
          outage     half of the workers are killed at once and stay dead

          --workers N     worker processes (5; outage: 6)
          --rate N        calls a second, at fixed times whatever happens (500)
          --seconds N     how long the load lasts (60; rolling ends when the last worker is back)
          --every S       seconds between two kills (5)
          --writes SHARE  the share of calls that are not idempotent, 0 to 1 (0; rolling: 0.5)
          --work MS       how long a handler works (10)
          --drain S       how long a stopping worker lets its calls go on (5)
          --strategy NAME how a worker is chosen (LeastConnections)
          --hedge MS      sends a slow idempotent call to a second worker after this time (never)
          --out FOLDER    result.json, the ledgers and the processes' logs (a folder under the temporary ones)

        The exit code is 0 when the run kept every promise, 1 when it did not.
        """;

    public required string Scenario { get; init; }

    public int Workers { get; private set; } = 5;

    public int Rate { get; private set; } = 500;

    public double Seconds { get; private set; } = 60;

    public double Every { get; private set; } = 5;

    public double Writes { get; private set; }

    public int Work { get; private set; } = 10;

    public double Drain { get; private set; } = 5;

    public string Strategy { get; private set; } = "LeastConnections";

    public double? Hedge { get; private set; }

    public string Out { get; private set; } = "";

    /// <exception cref="UsageException">An option is unknown or malformed.</exception>
    public static Settings Parse(string[] args)
    {
        var settings = new Settings { Scenario = args[0] };
        switch (settings.Scenario)
        {
            case "outage":
                settings.Workers = 6;
                break;
            case "rolling":
                settings.Writes = 0.5;
                break;
            case "kills":
                break;
            default:
                throw new UsageException($"There is no scenario '{args[0]}'.");
        }

        for (var i = 1; i < args.Length; i += 2)
        {
            if (i + 1 == args.Length)
            {
                throw new UsageException($"{args[i]} has no value.");
            }

            settings.Set(args[i], args[i + 1]);
        }

        if (settings.Out.Length == 0)
        {
            settings.Out = Directory.CreateTempSubdirectory("rpcnet-failover-").FullName;
        }

        return settings;
    }

    private void Set(string option, string value)
    {
        switch (option)
        {
            case "--workers":
                Workers = (int)Number(2, 64);
                break;
            case "--rate":
                Rate = (int)Number(1, 100_000);
                break;
            case "--seconds":
                Seconds = Number(1, 86_400);
                break;
            case "--every":
                Every = Number(0.5, 3600);
                break;
            case "--writes":
                Writes = Number(0, 1);
                break;
            case "--work":
                Work = (int)Number(0, 10_000);
                break;
            case "--drain":
                Drain = Number(0, 60);
                break;
            case "--hedge":
                Hedge = Number(1, 60_000);
                break;
            case "--strategy":
                Strategy = value;
                break;
            case "--out":
                Out = Path.GetFullPath(value);
                break;
            default:
                throw new UsageException($"There is no option {option}.");
        }

        double Number(double least, double most) =>
            double.TryParse(value, CultureInfo.InvariantCulture, out var number) && number >= least && number <= most
                ? number
                : throw new UsageException(string.Create(CultureInfo.InvariantCulture, $"{option} {value}: must be a number from {least} to {most}."));
    }
}
