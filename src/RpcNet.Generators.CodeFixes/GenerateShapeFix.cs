using System.Collections.Immutable;
using System.Composition;
using Microsoft.CodeAnalysis;
using Microsoft.CodeAnalysis.CodeActions;
using Microsoft.CodeAnalysis.CodeFixes;
using Microsoft.CodeAnalysis.CSharp;
using Microsoft.CodeAnalysis.CSharp.Syntax;
using Microsoft.CodeAnalysis.Editing;

namespace RpcNet.Generators.CodeFixes;

/// <summary>RPCNET010: puts [GenerateShape] on the message type and makes it, and the types around it, partial.</summary>
[ExportCodeFixProvider(LanguageNames.CSharp), Shared]
public sealed class GenerateShapeFix : CodeFixProvider
{
    /// <inheritdoc/>
    public override ImmutableArray<string> FixableDiagnosticIds => ["RPCNET010"];

    /// <summary>None: one type is often reported several times, and merged fixes would add the attribute as often.</summary>
    public override FixAllProvider? GetFixAllProvider() => null;

    /// <inheritdoc/>
    public override Task RegisterCodeFixesAsync(CodeFixContext context)
    {
        var solution = context.Document.Project.Solution;
        foreach (var diagnostic in context.Diagnostics)
        {
            var place = diagnostic.AdditionalLocations.FirstOrDefault();
            if (place?.SourceTree is not null && solution.GetDocument(place.SourceTree) is { } document)
            {
                context.RegisterCodeFix(
                    CodeAction.Create(
                        "Add [GenerateShape]",
                        async token => (await AddAsync(document, place, token).ConfigureAwait(false)).Project.Solution,
                        nameof(GenerateShapeFix)),
                    diagnostic);
            }
        }

        return Task.CompletedTask;
    }

    private static async Task<Document> AddAsync(Document document, Location place, CancellationToken cancellationToken)
    {
        var editor = await DocumentEditor.CreateAsync(document, cancellationToken).ConfigureAwait(false);
        var type = editor.OriginalRoot.FindNode(place.SourceSpan).FirstAncestorOrSelf<TypeDeclarationSyntax>();
        if (type is null)
        {
            return document;
        }

        foreach (var declaration in type.AncestorsAndSelf().OfType<TypeDeclarationSyntax>())
        {
            if (!declaration.Modifiers.Any(SyntaxKind.PartialKeyword))
            {
                editor.SetModifiers(declaration, editor.Generator.GetModifiers(declaration).WithPartial(true));
            }
        }

        editor.AddAttribute(type, Attributes.Of("global::PolyType.GenerateShape"));
        return editor.GetChangedDocument();
    }
}
