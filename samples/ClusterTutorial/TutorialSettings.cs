using System.Globalization;
using Microsoft.Extensions.Configuration;

namespace ClusterTutorial;

/// <summary>The parts that a process can play.</summary>
public enum TutorialRole
{
    /// <summary>Knows the workers and assigns them.</summary>
    Director,

    /// <summary>Processes tasks.</summary>
    Worker,

    /// <summary>Sends tasks.</summary>
    Client,
}

/// <summary>A setting is missing or wrong; the message says which and what to do.</summary>
public sealed class TutorialSettingsException(string message) : Exception(message);

/// <summary>What a process of the tutorial is, and where it and the director are.</summary>
public sealed record TutorialSettings(
    TutorialRole Role, string WorkerLabel, string ListenAddress, string DirectorAddress, TimeSpan WorkTime)
{
    /// <summary>How to start a process.</summary>
    public const string Help = """
        usage: ClusterTutorial --role director|worker|client

        The role may also stand in appsettings.json ("Role") or in the environment (ROLE).

        Environment      Default            Meaning
        DIRECTOR_ADDR    127.0.0.1:61000    where the director listens, and where the others find it
        WORKER_ADDR      127.0.0.1:62001    where this worker listens
        WORKER_LABEL     worker-1           this worker's name
        WORK_TIME_MS     100                how long this worker takes for a task, in milliseconds

        All of RpcNet's settings can be set in the environment too, such as RpcNet__Transport__Engine=Ngtcp2.
        """;

    private const string DefaultDirector = "127.0.0.1:61000";

    /// <summary>
    /// Settles the role, maps the environment variables of the walk-through to RpcNet's keys, and fills in the defaults.
    /// </summary>
    /// <exception cref="TutorialSettingsException">The role is missing or unknown, or a value is malformed.</exception>
    public static TutorialSettings Prepare(ConfigurationManager configuration)
    {
        var role = ReadRole(configuration["Role"]);
        configuration.AddRpcNetEnvironmentAliases(role.ToString());
        switch (role)
        {
            case TutorialRole.Director:
                configuration["RpcNet:Listen:Address"] ??= DefaultDirector;
                configuration["RpcNet:Cluster:Tags:label"] ??= "director";
                configuration["RpcNet:Cluster:Tags:role"] = "director";
                break;
            case TutorialRole.Worker:
                configuration["RpcNet:Listen:Address"] ??= "127.0.0.1:62001";
                configuration["RpcNet:Cluster:Tags:label"] ??= "worker-1";
                configuration["RpcNet:Cluster:Tags:role"] = "worker";
                configuration["RpcNet:Cluster:Seeds:0"] ??= DefaultDirector;
                break;
            default:
                configuration["RpcNet:Director"] ??= DefaultDirector;
                break;
        }

        return new TutorialSettings(
            role,
            configuration["RpcNet:Cluster:Tags:label"] ?? "client",
            configuration["RpcNet:Listen:Address"] ?? "",
            configuration["RpcNet:Director"] ?? configuration["RpcNet:Cluster:Seeds:0"] ?? configuration["RpcNet:Listen:Address"] ?? "",
            ReadWorkTime(configuration["WORK_TIME_MS"]));
    }

    private static TimeSpan ReadWorkTime(string? text) => text switch
    {
        null or "" => TimeSpan.FromMilliseconds(100),
        _ when int.TryParse(text, CultureInfo.InvariantCulture, out var milliseconds) && milliseconds is >= 0 and <= 20_000 =>
            TimeSpan.FromMilliseconds(milliseconds),
        _ => throw new TutorialSettingsException($"WORK_TIME_MS = '{text}': must be a number of milliseconds from 0 to 20000."),
    };

    private static TutorialRole ReadRole(string? text) =>
        Enum.TryParse<TutorialRole>(text, ignoreCase: true, out var role) && Enum.IsDefined(role)
            ? role
            : throw new TutorialSettingsException(
                (string.IsNullOrEmpty(text) ? "No role is set" : $"The role '{text}' is unknown")
                + ": start with --role director, --role worker or --role client (or set ROLE, or \"Role\" in appsettings.json).");
}
