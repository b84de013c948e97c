using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.Hosting;
using RpcNetCluster1;

// Three roles in one program: --role director, --role worker, --role client. Each role has settings of its own.
var builder = Host.CreateApplicationBuilder(args);
builder.Configuration.AddJsonFile($"appsettings.{builder.Configuration["role"]}.json", optional: true);
builder.Configuration.AddEnvironmentVariables();
builder.Configuration.AddCommandLine(args);
try
{
    Roles.Configure(builder);
}
catch (ArgumentException e)
{
    Console.Error.WriteLine(e.Message);
    return 2;
}

return await RpcNetHost.RunAsync(builder.Build());
