using ClusterTutorial.Roles;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;

namespace ClusterTutorial;

/// <summary>Puts the application together: the same in a process of its own and in a test.</summary>
public static class TutorialApplication
{
    /// <summary>Registers what the configured role consists of.</summary>
    /// <exception cref="TutorialSettingsException">A setting is missing or wrong.</exception>
    public static void Configure(HostApplicationBuilder builder)
    {
        var settings = TutorialSettings.Prepare(builder.Configuration);
        builder.Services.AddSingleton(settings);
        switch (settings.Role)
        {
            case TutorialRole.Director:
                Director.Configure(builder);
                break;
            case TutorialRole.Worker:
                Worker.Configure(builder);
                break;
            default:
                Client.Configure(builder, settings);
                break;
        }
    }
}
