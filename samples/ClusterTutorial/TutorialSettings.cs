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

/// <summary>
/// What the tutorial reads besides RpcNet's own options: the role, and the environment variables of the walk-through.
/// </summary>
public sealed record TutorialSettings(TutorialRole Role, string WorkerLabel, string WorkerAddress, string DirectorAddress)
{
    /// <summary>How to start a process.</summary>
    public const string Help = """
        usage: ClusterTutorial --role director|worker|client

        The role may also stand in appsettings.json ("Role") or in the environment (ROLE).

        Environment      Default            Meaning
        DIRECTOR_ADDR    127.0.0.1:61000    where the director listens, and where the others find it
        WORKER_ADDR      127.0.0.1:62001    where this worker listens
        WORKER_LABEL     worker-1           this worker's name
        """;

    /// <summary>Reads the settings from command line, environment and appsettings.json, in this order.</summary>
    /// <exception cref="TutorialSettingsException">The role is missing or unknown.</exception>
    public static TutorialSettings Read(IConfiguration configuration)
    {
        var text = configuration["Role"];
        if (!Enum.TryParse<TutorialRole>(text, ignoreCase: true, out var role) || !Enum.IsDefined(role))
        {
            throw new TutorialSettingsException(
                (string.IsNullOrEmpty(text) ? "No role is set" : $"The role '{text}' is unknown")
                + ": start with --role director, --role worker or --role client (or set ROLE, or \"Role\" in appsettings.json).");
        }

        return new TutorialSettings(
            role,
            configuration["WORKER_LABEL"] ?? "worker-1",
            configuration["WORKER_ADDR"] ?? "127.0.0.1:62001",
            configuration["DIRECTOR_ADDR"] ?? "127.0.0.1:61000");
    }
}
