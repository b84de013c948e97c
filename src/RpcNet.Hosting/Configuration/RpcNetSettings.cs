using Microsoft.Extensions.Options;

namespace RpcNet.Hosting.Configuration;

/// <summary>The options as they were at the start, all valid.</summary>
internal sealed class RpcNetSettings
{
    /// <exception cref="RpcNetStartupException">At least one setting is wrong; the message has all of them.</exception>
    public RpcNetSettings(
        IOptions<RpcNetOptions> options, IOptionsMonitor<RpcClientOptions> clients, RpcNetRegistration registration)
    {
        var problems = new List<string>();
        Options = Read(() => options.Value, problems) ?? new RpcNetOptions();
        foreach (var name in registration.Clients.Select(static c => c.Name).Distinct(StringComparer.OrdinalIgnoreCase))
        {
            if (Read(() => clients.Get(name), problems) is { } client)
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

    public Dictionary<string, RpcClientOptions> Clients { get; } = new(StringComparer.OrdinalIgnoreCase);

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
