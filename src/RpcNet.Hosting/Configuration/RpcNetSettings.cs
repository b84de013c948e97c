using Microsoft.Extensions.Options;

namespace RpcNet.Hosting.Configuration;

/// <summary>All options at one time, all valid.</summary>
internal sealed class RpcNetSettings
{
    private readonly RpcNetRegistration _registration;

    /// <summary>Makes the options and validates them.</summary>
    /// <param name="options">Makes the process's options.</param>
    /// <param name="clients">Makes a client's options by its name.</param>
    /// <param name="registration">What the application has.</param>
    /// <param name="section">The path of the section that is bound, for messages.</param>
    /// <exception cref="RpcNetStartupException">At least one setting is wrong; the message has all of them.</exception>
    public RpcNetSettings(
        Func<RpcNetOptions> options, Func<string, RpcClientOptions> clients, RpcNetRegistration registration, string section = RpcNetOptions.SectionName)
    {
        Section = section;
        _registration = registration;
        var problems = new List<string>();
        Options = Read(options, problems) ?? new RpcNetOptions();
        foreach (var name in registration.Clients.Select(static c => c.Name).Distinct(StringComparer.OrdinalIgnoreCase))
        {
            if (Read(() => clients(name), problems) is { } client)
            {
                Clients[name] = client;
            }
        }

        if (problems.Count > 0)
        {
            throw new RpcNetStartupException(problems);
        }
    }

    public RpcNetOptions Options { get; }

    /// <summary>The path of the section that is bound, for messages.</summary>
    public string Section { get; }

    public Dictionary<string, RpcClientOptions> Clients { get; } = new(StringComparer.OrdinalIgnoreCase);

    /// <summary>
    /// Where the process's own server listens; empty where it only calls. A client may share the configuration of its server, which says
    /// where that listens.
    /// </summary>
    public string ListenAddress => _registration.HasServer ? Options.Listen.Address : "";

    /// <summary>Where a server is configured, for messages.</summary>
    /// <param name="server">The server's name; null for the process's own.</param>
    public string SectionOf(string? server) => server is null ? Section : $"{Section}:{nameof(RpcNetOptions.Servers)}:{server}";

    private static T? Read<T>(Func<T> read, List<string> problems)
        where T : class
    {
        try
        {
            return read();
        }
        catch (OptionsValidationException e)
        {
            problems.AddRange(e.Failures);
            return null;
        }
    }
}
